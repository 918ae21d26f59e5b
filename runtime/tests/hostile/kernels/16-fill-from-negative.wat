;; `memory.fill` whose end wraps around.
;; expect: frame trap
;; @attack
(memory.fill (i32.const -10) (i32.const 0) (i32.const 100))
