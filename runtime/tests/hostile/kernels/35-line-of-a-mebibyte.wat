;; One message of a mebibyte.
;; expect: harmless
;; @imports
(import "sandpipe:kernel/log@0.1.0" "log" (func $log (param i32 i32 i32)))
;; @attack
(local.set 1 (i32.mul (memory.grow (i32.const 16)) (i32.const 65536)))
(memory.fill (local.get 1) (i32.const 0x41) (i32.const 1048576))
(call $log (i32.const 3) (local.get 1) (i32.const 1048576))
