;; Declares a table of a million elements.
;; expect: refused elements in a table
;; @declarations
(table 1000000 funcref)
