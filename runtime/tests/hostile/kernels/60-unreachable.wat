;; Gives up.
;; expect: frame trap unreachable
;; @attack
unreachable
