;; Walks through memory against every cache.
;; expect: harmless
;; @declarations
(global $n (mut i32) (i32.const 0))
;; @attack
(global.set $n (i32.const 0))
(loop $l
  (i32.store8 (i32.and (i32.mul (global.get $n) (i32.const 4160)) (i32.const 0xffff)) (i32.const 0))
  (global.set $n (i32.add (global.get $n) (i32.const 1)))
  (br_if $l (i32.lt_u (global.get $n) (i32.const 200000))))
