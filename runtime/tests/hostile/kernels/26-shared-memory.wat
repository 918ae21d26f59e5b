;; A memory shared with threads.
;; expect: refused shared memory
;; @memory
(memory (export "memory") 2 4 shared)
