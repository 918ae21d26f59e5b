;; Reads what follows its windows, where control words could lie.
;; expect: survived
;; @declarations
(global $block (mut i32) (i32.const 0))
(global $bytes (mut i32) (i32.const 0))
;; @reserve
(global.set $block (i32.mul (memory.size) (i32.const 65536)))
(global.set $bytes (local.get $bytes))
;; @attack
(memory.fill (i32.add (global.get $block) (global.get $bytes)) (i32.const 0xff) (i32.const 4096))
