;; The last byte of its input.
;; expect: frame illegal_write 'x'
;; @attack
(i32.store8 offset=4095 (i32.load (local.get $frame)) (i32.const 9))
