;; A memory of 64 bits inside.
;; expect: refused 64-bit memory
;; kernel: composed
;; @components
(core module (memory i64 1))
