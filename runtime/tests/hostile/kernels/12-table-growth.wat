;; Takes table elements until there are none.
;; expect: frame memory
;; @declarations
(table $t 1 funcref)
;; @attack
(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1))))
unreachable
