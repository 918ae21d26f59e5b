;; An export of the contract with another type.
;; expect: refused contract
;; @module
(module (memory (export "memory") 1)
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable)
  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param i32) (result i32) unreachable)
  (func (export "sandpipe:kernel/stage@0.1.0#init") (param i32) (result i32) unreachable)
  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param i64) (result i64) unreachable)
  (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param i64 i32) (result i32) unreachable))
