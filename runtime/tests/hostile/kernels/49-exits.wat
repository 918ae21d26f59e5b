;; Built for WASI: ends the process.
;; expect: frame trap
;; @imports
(import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
;; @attack
(call $exit (i32.const 0))
