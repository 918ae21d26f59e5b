;; Exceptions.
;; expect: refused exceptions
;; @declarations
(tag $t)
