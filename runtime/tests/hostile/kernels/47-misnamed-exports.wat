;; A kernel of a version that does not exist.
;; expect: refused does not export
;; @module
(module (memory (export "memory") 1)
  (func (export "sandpipe:kernel/stage@9.9.9#init") (param i32) (result i32) unreachable))
