;; Recursion that is not deep and takes for ever.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @declarations
(func $fib (param $n i32) (result i32)
  (if (result i32) (i32.lt_u (local.get $n) (i32.const 2)) (then (i32.const 1))
    (else (i32.add (call $fib (i32.sub (local.get $n) (i32.const 1))) (call $fib (i32.sub (local.get $n) (i32.const 2)))))))
;; @attack
(drop (call $fib (i32.const 90)))
