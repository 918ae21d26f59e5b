;; `validate-config` says no.
;; expect: refused did not say why
;; @validate
(return (call $fail (i32.const 3) (i32.const 0) (i32.const 0)))
