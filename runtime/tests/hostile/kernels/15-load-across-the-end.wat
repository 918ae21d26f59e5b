;; A load across the end of its memory.
;; expect: frame trap
;; @attack
(drop (i64.load (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4))))
