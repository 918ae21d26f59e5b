;; An allocator that always answers with the same address: strings lie over each other.
;; expect: harmless
;; @allocate
(return (i32.const 8192))
