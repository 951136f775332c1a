//go:build !race

package httpapi

const slowdown = 1
