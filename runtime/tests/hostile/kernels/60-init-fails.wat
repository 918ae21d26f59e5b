;; `init` says no.
;; expect: open did not say why
;; @init
(return (call $fail (i32.const 2) (i32.const 0) (i32.const 0)))
