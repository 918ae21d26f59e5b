;; Components inside that instantiate their neighbours, twice each. In thirty lines that would be 2³⁰ instances.
;; expect: refused does not contain
;; kernel: composed
;; @components
(component $a)
(component $b (instance (instantiate $a)) (instance (instantiate $a)))
(component $c (instance (instantiate $b)) (instance (instantiate $b)))
(instance (instantiate $c))
