;; `reserve` answers with the pages where its own data lies.
;; expect: survived
;; @reserve
(return (i32.const 4096))
