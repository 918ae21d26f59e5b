;; `reserve` answers with an address that is no page's.
;; expect: open reserve
;; @reserve
(return (i32.const 65537))
