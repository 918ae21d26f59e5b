;; Wants to know the time.
;; expect: refused `env#now`
;; @imports
(import "env" "now" (func (result i64)))
