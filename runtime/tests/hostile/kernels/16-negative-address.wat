;; An address that is negative for those who extend its sign.
;; expect: frame trap
;; @attack
(drop (i32.load8_s (i32.const 0x80000000)))
