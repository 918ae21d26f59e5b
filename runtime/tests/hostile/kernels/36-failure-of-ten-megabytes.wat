;; A failure that goes on and on.
;; expect: frame failed AAAA
;; @attack
(local.set 1 (i32.mul (memory.grow (i32.const 160)) (i32.const 65536)))
(memory.fill (local.get 1) (i32.const 0x41) (i32.const 10000000))
(return (call $fail (i32.const 4) (local.get 1) (i32.const 10000000)))
