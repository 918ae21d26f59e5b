;; `reserve` answers with what lies behind its memory.
;; expect: open reserve
;; @reserve
(return (i32.mul (memory.size) (i32.const 65536)))
