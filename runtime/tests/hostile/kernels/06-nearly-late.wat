;; Takes its time on every frame, within its deadline.
;; expect: harmless
;; @declarations
(global $n (mut i32) (i32.const 0))
;; @attack
(global.set $n (i32.const 0))
(loop $l
  (global.set $n (i32.add (global.get $n) (i32.const 1)))
  (br_if $l (i32.lt_u (global.get $n) (i32.const 3000000))))
