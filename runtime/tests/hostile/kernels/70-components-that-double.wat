;; Each of nine components is instantiated twice by the next. Deeper than this it would be a thousand million instances.
;; expect: refused instances of modules and components
;; kernel: composed
;; @components
(component $c0
  (component $c1
    (component $c2
      (component $c3
        (component $c4
          (component $c5
            (component $c6
              (component $c7
                (component $c8)
                (instance (instantiate $c8)) (instance (instantiate $c8)))
              (instance (instantiate $c7)) (instance (instantiate $c7)))
            (instance (instantiate $c6)) (instance (instantiate $c6)))
          (instance (instantiate $c5)) (instance (instantiate $c5)))
        (instance (instantiate $c4)) (instance (instantiate $c4)))
      (instance (instantiate $c3)) (instance (instantiate $c3)))
    (instance (instantiate $c2)) (instance (instantiate $c2)))
  (instance (instantiate $c1)) (instance (instantiate $c1)))
(instance (instantiate $c0)) (instance (instantiate $c0))
