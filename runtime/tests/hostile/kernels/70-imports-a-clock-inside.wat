;; A component inside wants to know the time; the one around it hands its own import on.
;; expect: refused `wasi:clocks/wall-clock@0.2.6`
;; kernel: composed
;; @imports
(import "wasi:clocks/wall-clock@0.2.6" (instance $clock (export "now" (func (result u64)))))
(component $watch (import "wasi:clocks/wall-clock@0.2.6" (instance (export "now" (func (result u64))))))
(instance (instantiate $watch (with "wasi:clocks/wall-clock@0.2.6" (instance $clock))))
