// Package figures owns the arithmetic of the benchmarks: quartiles, and ratios of a slice to the two baseline slices around it.
// It does not measure and does not print.
package figures
