;; A start function that traps.
;; expect: refused unreachable
;; @declarations
(func $start unreachable)
(start $start)
