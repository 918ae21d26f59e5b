;; Functions that run for some 100 ms if they are not stopped, in the shapes in which a compiler has lost polls. The argument
;; is how long; nothing here can be computed at compile time.
(component
  (core module $shapes
    ;; Goes round $n times, or once.
    (func $spin (param $n i32)
      (loop $again
        (br_if $again
          (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))

    ;; The outer loop goes round once. Its poll comes before that of the inner one, with nothing between.
    (func (export "nested") (param $n i32)
      (local $left i32)
      (loop $outer
        (local.set $left (local.get $n))
        (loop $inner
          (br_if $inner
            (i32.gt_s (local.tee $left (i32.sub (local.get $left) (i32.const 1))) (i32.const 0))))
        (br_if $outer (i32.shr_u (local.get $n) (i32.const 31)))))

    ;; The first loop goes round once, before the second.
    (func (export "dominated") (param $n i32)
      (loop $first (br_if $first (i32.shr_u (local.get $n) (i32.const 31))))
      (loop $second
        (br_if $second
          (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))

    ;; The same loop twice, should calls be compiled into their callers: once round, then long.
    (func (export "twice") (param $n i32)
      (call $spin (i32.shr_u (local.get $n) (i32.const 31)))
      (call $spin (local.get $n)))

    ;; No loop at all: twice as many calls at each level.
    (func $down (param $levels i32)
      (if (i32.gt_s (local.get $levels) (i32.const 0))
        (then
          (call $down (i32.sub (local.get $levels) (i32.const 1)))
          (call $down (i32.sub (local.get $levels) (i32.const 1))))))
    (func (export "recursion") (param $n i32)
      (call $down (i32.sub (i32.const 28) (i32.clz (local.get $n))))))

  (core instance $shapes (instantiate $shapes))
  (func (export "nested") (param "n" u32) (canon lift (core func $shapes "nested")))
  (func (export "dominated") (param "n" u32) (canon lift (core func $shapes "dominated")))
  (func (export "twice") (param "n" u32) (canon lift (core func $shapes "twice")))
  (func (export "recursion") (param "n" u32) (canon lift (core func $shapes "recursion"))))
