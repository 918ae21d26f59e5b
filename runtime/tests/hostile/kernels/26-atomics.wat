;; An atomic access, as for a lock against the host.
;; expect: refused threads
;; @attack
(drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
