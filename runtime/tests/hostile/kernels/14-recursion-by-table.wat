;; Recursion through a table.
;; expect: frame trap call stack exhausted
;; @declarations
(table 1 funcref)
(elem (i32.const 0) $down)
(func $down (call_indirect (i32.const 0)) (call_indirect (i32.const 0)))
;; @attack
(call $down)
