;; `memory.copy` from behind its memory.
;; expect: frame trap
;; @attack
(memory.copy (i32.const 0) (i32.const -100) (i32.const 100))
