;; A start function without end: it runs at instantiation, before anything of the contract.
;; expect: refused ran past its deadline
;; limits: startup: 40ms
;; @declarations
(func $start (loop $l (br $l)))
(start $start)
