;; `memory.init` into its input.
;; expect: frame illegal_write 'x'
;; @declarations
(data $bytes "0123456789")
;; @attack
(memory.init $bytes (i32.load (local.get $frame)) (i32.const 0) (i32.const 10))
