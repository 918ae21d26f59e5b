;; An allocator that answers with an address behind its memory.
;; expect: refused allocat
;; @allocate
(return (i32.const 0x7ffffff0))
