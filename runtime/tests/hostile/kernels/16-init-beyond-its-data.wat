;; `memory.init` with more than its data segment has, and after it was dropped.
;; expect: frame trap
;; @declarations
(data $bytes "0123456789")
;; @attack
(data.drop $bytes)
(memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 1))
