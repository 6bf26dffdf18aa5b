module meshery.io/operator/bench

go 1.24
