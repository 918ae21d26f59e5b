;; `reserve` answers with the last page of the address space.
;; expect: open reserve
;; @reserve
(return (i32.const 0xfffff000))
