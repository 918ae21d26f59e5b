;; Calls an element behind a table.
;; expect: frame trap undefined element
;; @declarations
(table 1 funcref)
;; @attack
(call_indirect (i32.const -1))
