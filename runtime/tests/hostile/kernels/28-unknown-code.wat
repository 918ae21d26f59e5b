;; A failure with a code that does not exist.
;; expect: frame trap
;; @attack
(return (call $fail (i32.const 99) (i32.const 64) (i32.const 2)))
