;; A memory whose pages have another size.
;; expect: refused page size
;; @memory
(memory (export "memory") 4096 (pagesize 1))
