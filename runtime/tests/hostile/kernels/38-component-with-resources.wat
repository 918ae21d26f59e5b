;; A component that wants another interface, with handles.
;; expect: refused example:other/handles
;; @module
(component
  (import "example:other/handles@1.0.0" (instance (export "handle" (type (sub resource)))))
  (core module (memory 1))
  (instance $i)
  (export "sandpipe:kernel/stage@0.1.0" (instance $i))
  (export "sandpipe:kernel/mapped@0.1.0" (instance $i)))
