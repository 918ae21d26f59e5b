;; Calls a function as if it had another type.
;; expect: frame trap indirect call type mismatch
;; @declarations
(table 1 funcref)
(elem (i32.const 0) $ok)
;; @attack
(drop (call_indirect (result f64) (i32.const 0)))
