;; An integer from what is no number.
;; expect: frame trap conversion to integer
;; @attack
(drop (i32.trunc_f32_s (f32.const nan)))
