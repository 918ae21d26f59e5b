;; A failure whose message is as long as the address space.
;; expect: frame trap
;; @attack
(return (call $fail (i32.const 4) (i32.const 64) (i32.const -1)))
