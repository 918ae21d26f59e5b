;; Success without a byte written.
;; expect: harmless
;; @attack
(return (call $ok))
