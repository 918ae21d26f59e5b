;; Computes with denormal numbers, which are slow on some processors, and leaves them behind.
;; expect: harmless
;; @declarations
(global $n (mut i32) (i32.const 0))
(global $d (mut f32) (f32.const 1e-40))
;; @attack
(global.set $n (i32.const 0))
(loop $l
  (global.set $d (f32.mul (global.get $d) (f32.const 0.999)))
  (f32.store (i32.load offset=4 (local.get $frame)) (global.get $d))
  (global.set $n (i32.add (global.get $n) (i32.const 1)))
  (br_if $l (i32.lt_u (global.get $n) (i32.const 100000))))
