;; A memory with 64-bit addresses.
;; expect: refused 64-bit memory
;; @memory
(memory (export "memory") i64 2)
