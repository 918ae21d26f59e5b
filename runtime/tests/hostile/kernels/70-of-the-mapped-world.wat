;; A component inside a kernel of the mapped world: windows need one memory.
;; expect: refused code of its own
;; @module
(component
  (component (core module (memory 1)))
  (instance $i)
  (export "sandpipe:kernel/stage@0.1.0" (instance $i))
  (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))
