;; A loop without end in a component inside the kernel.
;; expect: frame deadline
;; kernel: composed
;; limits: deadline: 100ms
;; @attack
(loop $l (br $l))
