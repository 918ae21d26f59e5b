;; A failure with escapes for the operator's terminal.
;; expect: frame failed �[2J
;; @declarations
(data (i32.const 64) "\1b[2J\r\nall is well")
;; @attack
(return (call $fail (i32.const 4) (i32.const 64) (i32.const 17)))
