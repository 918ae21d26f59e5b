;; As with `memory.fill`, in a table.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @declarations
(table $t 10000 funcref)
;; @attack
(loop $l (table.fill $t (i32.const 0) (ref.null func) (i32.const 10000)) (br $l))
