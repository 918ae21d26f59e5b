;; Components inside one another, deeper than they may be.
;; expect: refused levels of nested components
;; kernel: composed
;; @components
(component (component (component (component (component (component (component (component (component (component (component (component (component (component (component (component ))))))))))))))))
