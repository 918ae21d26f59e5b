;; Signals through the payloads of numbers that are none.
;; expect: harmless
;; @attack
(i64.store (i32.load offset=4 (local.get $frame)) (i64.const 0x7ff4deadbeefcafe))
(f64.store offset=8 (i32.load offset=4 (local.get $frame)) (f64.add (f64.const nan:0x4dead) (f64.const 1)))
