;; Goes on using the block that it gave away.
;; expect: open reserve
;; @declarations
(global $block (mut i32) (i32.const 0))
;; @reserve
(global.set $block (i32.mul (memory.size) (i32.const 65536)))
;; @init
(i32.store (global.get $block) (i32.const 5))
