;; The allocator of a component inside never returns: the engine calls it for a list that is passed.
;; expect: frame deadline
;; kernel: composed
;; limits: deadline: 100ms
;; @declarations
(global $calls (mut i32) (i32.const 0))
;; @allocate
(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
(if (i32.eq (i32.const 5) (global.get $calls)) (then (loop $l (br $l))))
