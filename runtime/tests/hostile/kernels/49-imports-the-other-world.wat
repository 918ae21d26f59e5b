;; A kernel that is given addresses and wants the copying world's import as well.
;; expect: refused sink
;; @imports
(import "sandpipe:kernel/sink@0.1.0" "write-output" (func (param i32 i32 i32)))
