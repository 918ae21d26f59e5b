;; out = gain * in + offset, element by element, four at a time. Start at $compute_into.
;;
;; The contract is wit/kernel.wit of sandpipe; `sandpipe kernel pack` puts manifest.json in. A module without cabi_realloc is
;; given one by the host, so there is no allocator here.
(module
  (memory (export "memory") 1)
  (data (i32.const 64) "the output must have the dtype and the shape of the input")
  (data (i32.const 128) "\"gain\":")
  (data (i32.const 144) "\"offset\":")
  (global $gain (mut f32) (f32.const 1))
  (global $offset (mut f32) (f32.const 0))
  (global $elements (mut i32) (i32.const 0))

  ;; Results lie at 16: {0} is success, {1, code, address, length} a failure. Codes: 0 arity, 1 dtype, 2 shape, 3 parameter,
  ;; 4 failed.
  (func $ok (result i32)
    (i32.store8 (i32.const 16) (i32.const 0))
    (i32.const 16))
  (func $fail (param $code i32) (param $address i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store8 (i32.const 20) (local.get $code))
    (i32.store (i32.const 24) (local.get $address))
    (i32.store (i32.const 28) (local.get $length))
    (i32.const 16))

  ;; The context has at 24 the trigger inputs, 32 the auxiliary inputs, 40 the outputs, 48 the state arrays: each an address and
  ;; a count; at 68 the parameters: JSON, its address and length. An array has its dtype at 16, at 20 the address of its shape, at
  ;; 24 the number of its dimensions; the next array is 28 bytes further.
  (func $input (param $context i32) (result i32) (i32.load offset=24 (local.get $context)))
  (func $output (param $context i32) (result i32) (i32.load offset=40 (local.get $context)))
  (func $rank (param $array i32) (result i32) (i32.load offset=24 (local.get $array)))
  (func $extent (param $array i32) (param $i i32) (result i32)
    (i32.load (i32.add (i32.load offset=20 (local.get $array)) (i32.shl (local.get $i) (i32.const 2)))))
  (func $count (param $array i32) (result i32)
    (local $i i32) (local $product i32)
    (local.set $product (i32.const 1))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $i) (call $rank (local.get $array))))
      (local.set $product (i32.mul (local.get $product) (call $extent (local.get $array) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (local.get $product))
  (func $alike (param $a i32) (param $b i32) (result i32)
    (local $i i32)
    (if (i32.ne (i32.load8_u offset=16 (local.get $a)) (i32.load8_u offset=16 (local.get $b))) (then (return (i32.const 0))))
    (if (i32.ne (call $rank (local.get $a)) (call $rank (local.get $b))) (then (return (i32.const 0))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $i) (call $rank (local.get $a))))
      (if (i32.ne (call $extent (local.get $a) (local.get $i)) (call $extent (local.get $b) (local.get $i)))
        (then (return (i32.const 0))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))
    (i32.const 1))

  ;; The number behind a key, which is given with its quotes and colon as the host writes it.
  (func $number (param $context i32) (param $key i32) (param $length i32) (param $otherwise f32) (result f32)
    (local $at i32) (local $end i32) (local $i i32)
    (local.set $at (i32.load offset=68 (local.get $context)))
    (local.set $end (i32.add (local.get $at) (i32.load offset=72 (local.get $context))))
    (loop $search
      (if (i32.ge_u (i32.add (local.get $at) (local.get $length)) (local.get $end)) (then (return (local.get $otherwise))))
      (local.set $i (i32.const 0))
      (block $no (loop $same
        (br_if $no (i32.ne (i32.load8_u (i32.add (local.get $at) (local.get $i))) (i32.load8_u (i32.add (local.get $key) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $same (i32.lt_u (local.get $i) (local.get $length)))
        (return (call $parse (i32.add (local.get $at) (local.get $length)) (local.get $end)))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $search))
    unreachable)
  (func $parse (param $at i32) (param $end i32) (result f32)
    (local $value f64) (local $power f64) (local $sign f64) (local $point i32) (local $digit i32) (local $exponent i32) (local $step f64)
    (local.set $power (f64.const 1))
    (local.set $sign (f64.const 1))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 45)) ;; -
      (then (local.set $sign (f64.const -1)) (local.set $at (i32.add (local.get $at) (i32.const 1)))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (if (i32.eq (local.get $digit) (i32.const -2)) ;; .
        (then (local.set $point (i32.const 1)) (br $next)))
      (if (i32.eq (i32.or (local.get $digit) (i32.const 32)) (i32.const 53)) ;; e or E
        (then (local.set $exponent (i32.const 1)) (br $done)))
      (br_if $done (i32.gt_u (local.get $digit) (i32.const 9)))
      (local.set $value (f64.add (f64.mul (local.get $value) (f64.const 10)) (f64.convert_i32_u (local.get $digit))))
      (if (local.get $point) (then (local.set $power (f64.mul (local.get $power) (f64.const 10)))))
      (br $next)))
    (local.set $value (f64.div (local.get $value) (local.get $power)))
    (if (local.get $exponent) (then
      (local.set $step (f64.const 10))
      (local.set $exponent (i32.const 0))
      (block $done (loop $next
        (br_if $done (i32.ge_u (local.get $at) (local.get $end)))
        (local.set $digit (i32.sub (i32.load8_u (local.get $at)) (i32.const 48)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (if (i32.eq (local.get $digit) (i32.const -3)) (then (local.set $step (f64.const 0.1)) (br $next))) ;; -
        (br_if $next (i32.eq (local.get $digit) (i32.const -5))) ;; +
        (br_if $done (i32.gt_u (local.get $digit) (i32.const 9)))
        (br_if $done (i32.gt_u (local.get $exponent) (i32.const 99)))
        (local.set $exponent (i32.add (i32.mul (local.get $exponent) (i32.const 10)) (local.get $digit)))
        (br $next)))
      (block $done (loop $next
        (br_if $done (i32.eqz (local.get $exponent)))
        (local.set $value (f64.mul (local.get $value) (local.get $step)))
        (local.set $exponent (i32.sub (local.get $exponent) (i32.const 1)))
        (br $next)))))
    (f32.demote_f64 (f64.mul (local.get $sign) (local.get $value))))

  ;; Can the kernel run in this place?
  (func (export "sandpipe:kernel/stage@0.1.0#validate-config") (param $context i32) (result i32)
    (if (call $alike (call $output (local.get $context)) (call $input (local.get $context))) (then (return (call $ok))))
    (call $fail (i32.const 2) (i32.const 64) (i32.const 57)))

  ;; Once, before the first frame.
  (func (export "sandpipe:kernel/stage@0.1.0#init") (param $context i32) (result i32)
    (global.set $gain (call $number (local.get $context) (i32.const 128) (i32.const 7) (f32.const 1)))
    (global.set $offset (call $number (local.get $context) (i32.const 144) (i32.const 9) (f32.const 0)))
    (global.set $elements (call $count (call $output (local.get $context))))
    (call $ok))

  ;; A block of fresh pages, so nothing else of the kernel lies in it; 0 where there is no room.
  (func (export "sandpipe:kernel/mapped@0.1.0#reserve") (param $bytes i32) (result i32)
    (local $page i32)
    (local.set $page (memory.grow (i32.add (i32.shr_u (i32.sub (local.get $bytes) (i32.const 1)) (i32.const 16)) (i32.const 1))))
    (select (i32.const 0) (i32.shl (local.get $page) (i32.const 16)) (i32.eq (local.get $page) (i32.const -1))))

  ;; The frame table holds the addresses of the trigger inputs, the auxiliary inputs, the outputs, then for each state array those
  ;; of its previous and its next value. Here: the input's, then the output's.
  (func $compute_into (export "sandpipe:kernel/mapped@0.1.0#compute-into") (param $frame_id i64) (param $frame i32) (result i32)
    (local $in i32) (local $out i32) (local $end i32) (local $fours i32) (local $gains v128) (local $offsets v128)
    (local.set $in (i32.load (local.get $frame)))
    (local.set $out (i32.load offset=4 (local.get $frame)))
    (local.set $gains (f32x4.splat (global.get $gain)))
    (local.set $offsets (f32x4.splat (global.get $offset)))
    (local.set $end (i32.add (local.get $out) (i32.shl (global.get $elements) (i32.const 2))))
    (local.set $fours (i32.add (local.get $out) (i32.shl (i32.and (global.get $elements) (i32.const -4)) (i32.const 2))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $out) (local.get $fours)))
      (v128.store (local.get $out) (f32x4.add (f32x4.mul (local.get $gains) (v128.load (local.get $in))) (local.get $offsets)))
      (local.set $in (i32.add (local.get $in) (i32.const 16)))
      (local.set $out (i32.add (local.get $out) (i32.const 16)))
      (br $next)))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $out) (local.get $end)))
      (f32.store (local.get $out) (f32.add (f32.mul (global.get $gain) (f32.load (local.get $in))) (global.get $offset)))
      (local.set $in (i32.add (local.get $in) (i32.const 4)))
      (local.set $out (i32.add (local.get $out) (i32.const 4)))
      (br $next)))
    (call $ok)))
