;; Fills its memory again and again, in a component inside.
;; expect: frame deadline
;; kernel: composed
;; limits: deadline: 100ms
;; @memory
(memory (export "memory") 500)
;; @attack
(loop $l (memory.fill (i32.const 65536) (i32.const 7) (i32.const 32000000)) (br $l))
