;; Calls the host for ever.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @attack
(loop $l (call $log (i32.const 0) (i32.const 64) (i32.const 4)) (br $l))
