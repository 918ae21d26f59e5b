;; Grows its memory while the windows are mapped, and uses what it got.
;; expect: harmless
;; @attack
(i32.store (i32.mul (memory.grow (i32.const 1)) (i32.const 65536)) (i32.const 7))
