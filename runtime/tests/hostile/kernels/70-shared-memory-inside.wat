;; A memory inside that threads could share.
;; expect: refused shared memory
;; kernel: composed
;; @components
(core module (memory 1 2 shared))
