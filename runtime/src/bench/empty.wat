;; A kernel that does nothing: what its call costs is what every call costs.
(module
  (@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"sandpipe.empty\"}")
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))

  ;; A bump allocator for the two calls that pass a context.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; Success lies at 16.
  (func $ok (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16))

  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param $context i32) (result i32)
    (call $ok))

  (func (export "sandpipe:kernel/stage@0.1.0#init") (param $context i32) (result i32)
    (call $ok))

  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param $bytes i32) (result i32)
    (i32.mul (memory.grow (i32.div_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 65536)))
             (i32.const 65536)))

  (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param $frame_id i64) (param $frame i32) (result i32)
    (call $ok)))
