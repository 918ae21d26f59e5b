;; A message of a level that does not exist.
;; expect: frame trap
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @attack
(call $log (i32.const 77) (i32.const 64) (i32.const 4))
