;; The frame of every kernel in these tests. The test harness puts other bodies in place of the lines marked `;; @name`.
(module
  ;; @imports
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  ;; @declarations

  ;; A bump allocator that never frees: enough for the few calls of a test. Blocks stay below 128 KiB.
  (func $allocate (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.sub (local.get $align) (i32.const 1)))
                            (i32.sub (i32.const 0) (local.get $align))))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (local.get $at))

  ;; Results lie at 16: {0} is success, {1, code, address, length} a failure.
  (func $ok (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16))
  (func $fail (param $code i32) (param $address i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (local.get $code))
    (i32.store (i32.const 24) (local.get $address))
    (i32.store (i32.const 28) (local.get $length))
    (i32.const 16))

  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param $context i32) (result i32)
    ;; @validate
    (call $ok))

  (func (export "sandpipe:kernel/stage@0.1.0#init") (param $context i32) (result i32)
    ;; @init
    (call $ok))

  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param $bytes i32) (result i32)
    ;; @reserve
    (i32.mul (memory.grow (i32.div_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 65536)))
             (i32.const 65536)))

  ;; Adds 1 to the first u32 of the first input, into the first u32 of the last window.
  (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param $frame_id i64) (param $frame i32) (result i32)
    ;; @compute
    (i32.store (i32.load offset=4 (local.get $frame))
               (i32.add (i32.load (i32.load (local.get $frame))) (i32.const 1)))
    (call $ok)))
