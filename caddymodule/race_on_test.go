//go:build race

package caddymodule

// detectorAllocations is what the race detector keeps from the stack on the way of a guarded request.
const detectorAllocations = 1
