;; A kernel of the copied world that consists of two components: what the frame's first word becomes is computed by the inner one, to
;; which the lists of frames are passed. The test harness puts other bodies in place of the lines marked `;; @name`.
(component $kernel
  (type $types (instance
    (type $dtype_ (enum "bool" "s8" "s16" "s32" "s64" "u8" "u16" "u32" "u64" "f16" "f32" "f64" "c64" "c128"))
    (export "dtype" (type $dtype (eq $dtype_)))
    (type $array_ (record (field "name" string) (field "alias" string) (field "dtype" $dtype) (field "shape" (list u32))))
    (export "array" (type $array (eq $array_)))
    (type $part_ (record (field "index" u32) (field "count" u32)))
    (export "part" (type $part (eq $part_)))
    (type $context_ (record
      (field "name" string) (field "kind" string) (field "part" $part)
      (field "trigger-inputs" (list $array)) (field "auxiliary-inputs" (list $array))
      (field "outputs" (list $array)) (field "state" (list $array))
      (field "operation" (option string)) (field "parameters" string)))
    (export "context" (type $context (eq $context_)))
    (type $code_ (enum "arity" "dtype" "shape" "parameter" "failed"))
    (export "code" (type $code (eq $code_)))
    (type $failure_ (record (field "code" $code) (field "message" string)))
    (export "failure" (type $failure (eq $failure_)))))
  (type $sink (instance (export "write-output" (func (param "output" u32) (param "data" (list u8))))))
  (import "sandpipe:kernel/types@0.1.0" (instance $types (type $types)))
  (import "sandpipe:kernel/sink@0.1.0" (instance $sink (type $sink)))
  ;; @imports

  (component $inner
    ;; @components
    (core module $code
      ;; @declarations
      (memory (export "memory") 2) ;; of the inner one
      (global $heap (mut i32) (i32.const 4096))
      (func $allocate (export "allocate") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        ;; @allocate
        (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
        (global.set $heap (i32.add (local.get $at) (local.get $size)))
        (local.get $at))
      (func (export "work") (param $frame_id i64) (param $lists i32) (param $count i32) (result i32)
        ;; @work
        (global.set $heap (i32.const 4096))
        (i32.add (i32.load (i32.load (local.get $lists))) (i32.const 1))))
    (core instance $instance (instantiate $code
      ;; @arguments
    ))
    (func (export "work") (param "frame-id" u64) (param "lists" (list (list u8))) (result u32)
      (canon lift (core func $instance "work") (memory $instance "memory") (realloc (func $instance "allocate")))))
  (component $outer
    (alias outer $kernel $types (type $types))
    (alias outer $kernel $sink (type $sink))
    (import "types" (instance $types (type $types)))
    (import "sink" (instance $sink (type $sink)))
    (import "work" (func $work (param "frame-id" u64) (param "lists" (list (list u8))) (result u32)))
    (alias export $types "context" (type $context))
    (alias export $types "failure" (type $failure))

    (core module $room
      (memory (export "memory") 2) ;; of the outer one
      (global $heap (export "heap") (mut i32) (i32.const 4096))
      (func (export "allocate") (param $old i32) (param $old_size i32) (param $align i32) (param $size i32) (result i32)
        (local $at i32)
        (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
        (global.set $heap (i32.add (local.get $at) (local.get $size)))
        (local.get $at)))
    (core instance $room (instantiate $room))
    (core func $work_ (canon lower (func $work) (memory $room "memory")))
    (core func $write (canon lower (func $sink "write-output") (memory $room "memory")))

    (core module $code
      (import "room" "memory" (memory 2))
      (import "room" "heap" (global $heap (mut i32)))
      (import "inner" "work" (func $work (param i64 i32 i32) (result i32)))
      (import "sink" "write-output" (func $write (param i32 i32 i32)))
      (func $ok (result i32)
        (i32.store8 (i32.const 16) (i32.const 0))
        (i32.const 16))
      (func (export "validate-config") (param $context i32) (result i32)
        (call $ok))
      (func (export "init") (param $context i32) (result i32)
        (call $ok))
      (func (export "compute-into")
        (param $frame_id i64) (param $triggers i32) (param $count i32) (param $auxiliary i32) (param $auxiliaries i32) (result i32)
        ;; @compute
        (i32.store (i32.load (local.get $triggers))
          (call $work (local.get $frame_id) (local.get $triggers) (local.get $count)))
        (call $write (i32.const 0) (i32.load (local.get $triggers)) (i32.load offset=4 (local.get $triggers)))
        (global.set $heap (i32.const 4096))
        (call $ok)))
    (core instance $code (instantiate $code
      (with "room" (instance $room))
      (with "inner" (instance (export "work" (func $work_))))
      (with "sink" (instance (export "write-output" (func $write))))))

    (func $validate-config (param "context" $context) (result (result (error $failure)))
      (canon lift (core func $code "validate-config") (memory $room "memory") (realloc (func $room "allocate"))))
    (func $init (param "context" $context) (result (result (error $failure)))
      (canon lift (core func $code "init") (memory $room "memory") (realloc (func $room "allocate"))))
    (func $compute-into
      (param "frame-id" u64) (param "trigger-inputs" (list (list u8))) (param "auxiliary-inputs" (list (list u8)))
      (result (result (error $failure)))
      (canon lift (core func $code "compute-into") (memory $room "memory") (realloc (func $room "allocate"))))
    (instance $stage
      (export "context" (type $context)) (export "failure" (type $failure))
      (export "validate-config" (func $validate-config)) (export "init" (func $init)))
    (instance $copied (export "failure" (type $failure)) (export "compute-into" (func $compute-into)))
    (export "stage" (instance $stage))
    (export "copied" (instance $copied)))

  (instance $inner (instantiate $inner))
  (instance $outer (instantiate $outer
    (with "types" (instance $types)) (with "sink" (instance $sink)) (with "work" (func $inner "work"))))
  (export "sandpipe:kernel/stage@0.1.0" (instance $outer "stage"))
  (export "sandpipe:kernel/copied@0.1.0" (instance $outer "copied")))
