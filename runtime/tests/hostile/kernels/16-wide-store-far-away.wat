;; A vector far behind its memory.
;; expect: frame trap
;; @attack
(v128.store offset=0x10000000 (i32.const 0x7fffffff) (v128.const i64x2 1 1))
