;; Passes four million lists to the component inside, all the same one of a mebibyte, which the callee lets be copied to one place:
;; the loop is in code that the engine makes for the call, of which no polls are a part.
;; expect: frame deadline
;; kernel: composed
;; limits: deadline: 100ms, memory: 128MiB
;; @memory
(memory (export "memory") 700)
;; @allocate
(if (i32.ge_u (local.get $size) (i32.const 1048576))
  (then (return (select (i32.const 4194304) (i32.const 65536) (i32.eq (local.get $size) (i32.const 33554432))))))
;; @compute
(if (i64.eqz (i64.rem_u (local.get $frame_id) (i64.const 3))) (then
  (if (i32.lt_u (memory.size) (i32.const 600)) (then (drop (memory.grow (i32.const 600)))))
  (local.set $auxiliary (i32.const 0))
  (loop $fill
    (i32.store offset=2097152 (local.get $auxiliary) (i32.const 65536))
    (i32.store offset=2097156 (local.get $auxiliary) (i32.const 1048576))
    (local.set $auxiliary (i32.add (local.get $auxiliary) (i32.const 8)))
    (br_if $fill (i32.lt_u (local.get $auxiliary) (i32.const 33554432))))
  (drop (call $work (local.get $frame_id) (i32.const 2097152) (i32.const 4194304)))))
