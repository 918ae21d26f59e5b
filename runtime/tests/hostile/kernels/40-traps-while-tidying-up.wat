;; Success, and then a trap in the function that frees the result.
;; expect: frame trap unreachable
;; @declarations
(global $bad (mut i32) (i32.const 0))
(func (export "cabi_post_sandpipe:kernel/mapped@0.1.0#compute-into") (param i32) (if (global.get $bad) (then unreachable)))
;; @attack
(global.set $bad (i32.const 1))
