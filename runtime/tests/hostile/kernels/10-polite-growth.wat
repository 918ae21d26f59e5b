;; Asks for far too much and takes the refusal well.
;; expect: harmless
;; limits: memory: 8MiB
;; @attack
(drop (memory.grow (i32.const 60000)))
(drop (memory.grow (i32.const -1)))
