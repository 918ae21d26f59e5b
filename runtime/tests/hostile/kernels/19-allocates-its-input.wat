;; An allocator that hands out its input, so that the host writes there.
;; expect: open wrote to 'x'
;; @declarations
(global $block (mut i32) (i32.const 0))
;; @reserve
(global.set $block (i32.mul (memory.size) (i32.const 65536)))
(global.set $heap (i32.add (global.get $block) (i32.const 4096)))
