;; A loop in a function that is called through a table.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @declarations
(table 1 funcref)
(elem (i32.const 0) $spin)
(func $spin (loop $l (br $l)))
;; @attack
(call_indirect (i32.const 0))
