;; `reserve` answers 0.
;; expect: open reserve
;; @reserve
(return (i32.const 0))
