;; The inner loop is all there is to stop, and nothing in it touches memory.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @attack
(loop $a (loop $b (br_if $b (i32.const 1))) (br $a))
