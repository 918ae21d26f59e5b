;; `validate-config` traps.
;; expect: refused unreachable
;; @validate
unreachable
