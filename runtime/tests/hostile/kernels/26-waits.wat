;; A wait for another thread, which would never come.
;; expect: refused threads
;; @attack
(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
