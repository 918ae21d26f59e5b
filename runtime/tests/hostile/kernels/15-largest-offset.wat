;; An address and an offset that together leave 32 bits.
;; expect: frame trap
;; @attack
(i32.store offset=0xffffffff (i32.const -1) (i32.const 1))
