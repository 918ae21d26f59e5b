;; Two memories.
;; expect: refused 2 linear memories
;; @memory
(memory (export "memory") 2) (memory 1)
