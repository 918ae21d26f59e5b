;; Writes into every slot of its output, those included that it has published.
;; expect: harmless
;; @attack
(memory.fill (i32.and (i32.load offset=4 (local.get $frame)) (i32.const -4096)) (i32.const 0xaa) (i32.const 4096))
(i32.store (i32.sub (i32.load offset=4 (local.get $frame)) (i32.and (i32.const 0) (i32.const 4096))) (i32.const 3))
