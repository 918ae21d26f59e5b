;; `reserve` answers with a block that leaves its memory.
;; expect: open reserve
;; @reserve
(return (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 4096)))
