;; One lane of a vector into its input.
;; expect: frame illegal_write 'x'
;; @attack
(v128.store64_lane offset=64 1 (i32.load (local.get $frame)) (v128.const i64x2 -1 -1))
