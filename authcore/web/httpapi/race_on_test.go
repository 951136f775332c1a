//go:build race

package httpapi

// slowdown is what the race detector makes of a loop over bytes.
const slowdown = 100
