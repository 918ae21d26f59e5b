;; A failure whose message lies behind its memory.
;; expect: frame trap
;; @attack
(return (call $fail (i32.const 4) (i32.const -4) (i32.const 100)))
