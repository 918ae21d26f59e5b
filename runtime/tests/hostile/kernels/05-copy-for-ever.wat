;; As with `memory.fill`.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @attack
(loop $l (memory.copy (i32.const 4096) (i32.const 8192) (i32.const 65536)) (br $l))
