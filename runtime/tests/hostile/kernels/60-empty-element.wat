;; Calls an empty element of a table.
;; expect: frame trap uninitialized element
;; @declarations
(table 1 funcref)
;; @attack
(call_indirect (i32.const 0))
