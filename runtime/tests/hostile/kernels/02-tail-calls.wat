;; Two functions that end in a call of each other, so that the stack does not grow.
;; expect: frame deadline
;; limits: deadline: 50ms
;; @declarations
(func $ping return_call $pong)
(func $pong return_call $ping)
;; @attack
(call $ping)
