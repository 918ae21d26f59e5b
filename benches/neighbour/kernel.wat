;; A stage that faults on every frame. `@compute` is replaced by what it does.
(module
  (@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"bench.neighbour\",\"version\":\"0.1.0\"}")
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (global.set $heap (i32.add (local.get $at) (local.get 3)))
    (local.get $at))

  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param i32) (result i32) (i32.const 16))
  (func (export "sandpipe:kernel/stage@0.1.0#init") (param i32) (result i32) (i32.const 16))

  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param $bytes i32) (result i32)
    (i32.mul (memory.grow (i32.div_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 65536)))
             (i32.const 65536)))

  (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param $frame_id i64) (param $frame i32) (result i32)
    @compute
    (i32.const 16)))
