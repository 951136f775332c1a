//go:build !race

package caddymodule

const detectorAllocations = 0
