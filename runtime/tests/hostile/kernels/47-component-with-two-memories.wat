;; A component that instantiates its module twice.
;; expect: refused memories
;; @module
(component
  (core module $m (memory 1))
  (core module $n (memory 1))
  (instance $i)
  (export "sandpipe:kernel/stage@0.1.0" (instance $i))
  (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))
