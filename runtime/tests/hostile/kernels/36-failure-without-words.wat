;; A failure that says nothing.
;; expect: frame failed did not say why
;; @attack
(return (call $fail (i32.const 0) (i32.const 0) (i32.const 0)))
