;; A memory inside that begins with more than the limit.
;; expect: refused begins with 6553600 bytes
;; kernel: composed
;; limits: memory: 1MiB
;; @memory
(memory (export "memory") 100)
