;; A number that is none into its input.
;; expect: frame illegal_write 'x'
;; @attack
(f64.store offset=8 (i32.load (local.get $frame)) (f64.const nan))
