;; Success, and then no end in the function that frees the result.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @declarations
(global $bad (mut i32) (i32.const 0))
(func (export "cabi_post_sandpipe:kernel/mapped@0.1.0#compute-into") (param i32) (if (global.get $bad) (then (loop $l (br $l)))))
;; @attack
(global.set $bad (i32.const 1))
