;; Wants somebody else's memory.
;; expect: refused `env#memory`
;; @memory
(import "env" "memory" (memory 2)) (export "memory" (memory 0))
