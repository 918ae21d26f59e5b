;; Two memories, of which each is within the limit and both together are not.
;; expect: refused more than its limit
;; kernel: composed
;; limits: memory: 8MiB
;; @memory
(memory (export "memory") 100)
;; @components
(core module $more (memory 100))
(core instance (instantiate $more))
