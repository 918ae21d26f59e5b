;; `reserve` does not come back.
;; expect: open ran past its deadline
;; limits: startup: 40ms
;; @reserve
(loop $l (br $l))
