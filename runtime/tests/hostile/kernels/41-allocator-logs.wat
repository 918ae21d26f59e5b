;; An allocator that calls the host while the host writes arguments.
;; expect: refused trap
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @allocate
(call $log (i32.const 0) (i32.const 0) (i32.const 4))
