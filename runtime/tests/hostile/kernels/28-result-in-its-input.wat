;; A result that lies in its input, whose bytes another process may change.
;; expect: survived
;; @attack
(return (i32.load (local.get $frame)))
