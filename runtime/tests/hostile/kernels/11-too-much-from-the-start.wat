;; Declares more memory than its limit.
;; expect: refused begins with 6553600 bytes
;; limits: memory: 1MiB
;; @module
(module (memory (export "memory") 100))
