;; `init` traps.
;; expect: open unreachable
;; @init
unreachable
