;; Recursion until the stack is full.
;; expect: frame trap call stack exhausted
;; @declarations
(func $down (call $down) (call $down))
;; @attack
(call $down)
