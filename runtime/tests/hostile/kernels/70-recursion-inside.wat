;; Calls that double at every level, in a component inside.
;; expect: frame deadline
;; kernel: composed
;; limits: deadline: 100ms
;; @declarations
(func $tree (param $depth i32)
  (if (local.get $depth) (then
    (call $tree (i32.sub (local.get $depth) (i32.const 1)))
    (call $tree (i32.sub (local.get $depth) (i32.const 1))))))
;; @attack
(call $tree (i32.const 100))
