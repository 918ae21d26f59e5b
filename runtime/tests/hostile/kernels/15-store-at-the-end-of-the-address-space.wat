;; A store at the last address that there is.
;; expect: frame trap
;; @attack
(i32.store (i32.const -1) (i32.const 1))
