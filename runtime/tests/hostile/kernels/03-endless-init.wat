;; `init` does not come back.
;; expect: open ran past its deadline
;; limits: startup: 40ms
;; @init
(loop $l (br $l))
