;; A result that is neither success nor failure.
;; expect: frame trap
;; @attack
(i32.store8 (i32.const 16) (i32.const 7))
(return (i32.const 16))
