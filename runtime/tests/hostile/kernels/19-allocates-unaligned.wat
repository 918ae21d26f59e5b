;; An allocator that does not align.
;; expect: refused allocat
;; @allocate
(return (i32.const 4099))
