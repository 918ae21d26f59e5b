;; Divides by zero.
;; expect: frame trap divide by zero
;; @attack
(drop (i32.div_u (i32.const 1) (i32.const 0)))
