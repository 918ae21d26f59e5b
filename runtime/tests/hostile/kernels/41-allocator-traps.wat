;; An allocator that traps.
;; expect: refused unreachable
;; @allocate
unreachable
