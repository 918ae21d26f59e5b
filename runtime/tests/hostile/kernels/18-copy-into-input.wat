;; `memory.copy` into its input.
;; expect: frame illegal_write 'x'
;; @attack
(memory.copy (i32.load (local.get $frame)) (i32.const 0) (i32.const 4096))
