;; Reads every slot of every window, looking for what others left there.
;; expect: harmless
;; @declarations
(global $block (mut i32) (i32.const 0))
;; @reserve
(global.set $block (i32.mul (memory.size) (i32.const 65536)))
;; @attack
(memory.copy (i32.load offset=4 (local.get $frame)) (global.get $block) (i32.const 4096))
