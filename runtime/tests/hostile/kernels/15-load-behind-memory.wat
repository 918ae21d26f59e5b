;; A load right behind its memory.
;; expect: frame trap
;; @attack
(drop (i32.load (i32.mul (memory.size) (i32.const 65536))))
