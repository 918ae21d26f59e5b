module equalise

go 1.24
