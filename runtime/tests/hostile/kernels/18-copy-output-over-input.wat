;; `memory.copy` of its output over its input.
;; expect: frame illegal_write 'x'
;; @attack
(memory.copy (i32.load (local.get $frame)) (i32.load offset=4 (local.get $frame)) (i32.const 4096))
