;; A start function without end in a component inside.
;; expect: refused ran past its deadline
;; kernel: composed
;; limits: startup: 60ms
;; @declarations
(func $start (loop $l (br $l)))
(start $start)
