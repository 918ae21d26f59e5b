;; A vector across the border between its input and its output: not half of it may be written.
;; expect: frame illegal_write 'x'
;; @declarations
(global $block (mut i32) (i32.const 0))
;; @reserve
(global.set $block (i32.mul (memory.size) (i32.const 65536)))
;; @attack
;; The ring of the output follows that of the input; its first slot is not always where the frame lies.
(loop $l
  (global.set $block (i32.add (global.get $block) (i32.const 4096)))
  (v128.store (i32.sub (global.get $block) (i32.const 8)) (v128.const i64x2 -1 -1))
  (br $l))
