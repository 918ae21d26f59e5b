;; A memory inside that looks like the page by which guests are stopped.
;; expect: refused maximum
;; kernel: composed
;; @components
(core module (memory 0 2837))
