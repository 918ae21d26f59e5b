;; A message that is not UTF-8.
;; expect: frame trap
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @declarations
(data (i32.const 64) "\ff\fe\c0\80")
;; @attack
(call $log (i32.const 3) (i32.const 64) (i32.const 4))
