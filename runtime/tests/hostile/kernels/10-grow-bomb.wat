;; Takes memory until there is none, then gives up.
;; expect: frame memory
;; limits: memory: 8MiB, deadline: 1min
;; @attack
(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
unreachable
