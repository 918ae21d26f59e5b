;; A trap in a component inside.
;; expect: frame trap unreachable
;; kernel: composed
;; @attack
unreachable
