;; A result behind its memory.
;; expect: frame trap
;; @attack
(return (i32.const -4))
