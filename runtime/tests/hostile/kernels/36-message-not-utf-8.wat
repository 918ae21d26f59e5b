;; A failure whose message is not UTF-8.
;; expect: frame trap
;; @attack
(i32.store (i32.const 64) (i32.const 0x80c0ffed))
(return (call $fail (i32.const 4) (i32.const 64) (i32.const 4)))
