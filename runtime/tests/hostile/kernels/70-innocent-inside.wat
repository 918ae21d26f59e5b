;; A component inside that only computes.
;; expect: harmless
;; kernel: composed
;; @work
(nop)
