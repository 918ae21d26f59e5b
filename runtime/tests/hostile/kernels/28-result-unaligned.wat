;; A result at an odd address.
;; expect: frame trap
;; @attack
(return (i32.const 17))
