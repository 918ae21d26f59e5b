;; A kernel from a stranger: copies its frame of 64 × f32, traps on every 100th frame and reports a failure on every 37th.
(module
  (memory (export "memory") 2)
  (global $heap (mut i32) (i32.const 4096))
  (data (i32.const 64) "the shutter was closed")
  (@custom "sandpipe:manifest" "{\"abi\":\"0.1\",\"kind\":\"example.stranger\",\"dtypes\":[\"f32\"]}")

  ;; A bump allocator that never frees: the host calls it once, for what it tells `validate-config` and `init`.
  (func (export "cabi_realloc") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
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

  (func $every (param $frame_id i64) (param $n i64) (result i32)
    (i64.eqz (i64.rem_u (local.get $frame_id) (local.get $n))))

  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param $context i32) (result i32) (call $ok))
  (func (export "sandpipe:kernel/stage@0.1.0#init") (param $context i32) (result i32) (call $ok))
  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param $bytes i32) (result i32)
    (i32.mul (memory.grow (i32.div_u (i32.add (local.get $bytes) (i32.const 65535)) (i32.const 65536)))
             (i32.const 65536)))

  ;; The frame table holds the address of the input, then that of the output.
  (func (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param $frame_id i64) (param $frame i32) (result i32)
    (if (call $every (local.get $frame_id) (i64.const 100)) (then unreachable))
    (if (call $every (local.get $frame_id) (i64.const 37))
      (then (return (call $fail (i32.const 4) (i32.const 64) (i32.const 22)))))
    (memory.copy (i32.load offset=4 (local.get $frame)) (i32.load (local.get $frame)) (i32.const 256))
    (call $ok)))
