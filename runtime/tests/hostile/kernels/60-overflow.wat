;; The one signed division that overflows.
;; expect: frame trap overflow
;; @attack
(drop (i64.div_s (i64.const 0x8000000000000000) (i64.const -1)))
