;; `memory.fill` runs in the host and cannot be interrupted; a loop around it can.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @attack
(loop $l (memory.fill (i32.const 4096) (i32.const 0) (i32.const 65536)) (br $l))
