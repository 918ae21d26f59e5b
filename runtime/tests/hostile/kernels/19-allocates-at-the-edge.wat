;; An allocator whose block leaves the address space.
;; expect: refused allocat
;; @allocate
(return (i32.const 0xfffffff0))
