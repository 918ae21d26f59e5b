;; A message with escapes, returns and NULs for the operator's terminal.
;; expect: harmless
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @declarations
(data (i32.const 64) "\1b[2J\1b]0;owned\07\r\nERROR all is lost\00\e2\80\ae")
;; @attack
(call $log (i32.const 3) (i32.const 64) (i32.const 37))
