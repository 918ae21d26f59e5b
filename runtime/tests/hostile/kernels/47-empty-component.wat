;; A component that is nothing.
;; expect: refused does not export
;; @module
(component)
