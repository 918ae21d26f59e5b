;; `memory.fill` of its input: the host does the writing.
;; expect: frame illegal_write 'x'
;; @attack
(memory.fill (i32.load (local.get $frame)) (i32.const 9) (i32.const 4096))
