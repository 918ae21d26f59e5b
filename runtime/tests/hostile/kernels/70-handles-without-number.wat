;; A component inside makes handles without end, which cost the host memory.
;; expect: frame trap
;; kernel: composed
;; @components
(type $thing (resource (rep i32)))
(core func $new (canon resource.new $thing))
;; @arguments
(with "handles" (instance (export "new" (func $new))))
;; @declarations
(import "handles" "new" (func $new (param i32) (result i32)))
;; @attack
(loop $l (drop (call $new (i32.const 1))) (br $l))
