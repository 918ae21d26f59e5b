;; `validate-config` does not come back.
;; expect: refused ran past its deadline
;; limits: startup: 40ms
;; @validate
(loop $l (br $l))
