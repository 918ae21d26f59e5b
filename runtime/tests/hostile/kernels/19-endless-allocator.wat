;; An allocator that does not come back.
;; expect: refused ran past its deadline
;; limits: startup: 40ms
;; @allocate
(loop $l (br $l))
