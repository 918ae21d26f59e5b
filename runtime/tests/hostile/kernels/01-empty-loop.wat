;; A loop without end.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @attack
(loop $l (br $l))
