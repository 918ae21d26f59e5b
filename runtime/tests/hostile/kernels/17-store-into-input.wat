;; A store into its input.
;; expect: frame illegal_write 'x'
;; @attack
(i32.store (i32.load (local.get $frame)) (i32.const 9))
