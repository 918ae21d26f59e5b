;; `memory.fill` of all its memory, windows included.
;; expect: frame illegal_write 'x'
;; @attack
(memory.fill (i32.const 0) (i32.const 0) (i32.mul (memory.size) (i32.const 65536)))
