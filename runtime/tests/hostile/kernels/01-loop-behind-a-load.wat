;; A loop behind a load of the address that a poll might load, so that a compiler could drop the poll.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @attack
(drop (i32.load (i32.const 0)))
(loop $l (br $l))
