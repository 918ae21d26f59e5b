;; All the memory that can be addressed.
;; expect: refused 4294967296 bytes
;; @memory
(memory (export "memory") 65536)
