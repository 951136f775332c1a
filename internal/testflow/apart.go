package testflow

import (
	"slices"
	"time"
)

// Apart says how well two lists of times are told from one another: by how much a's median is larger than b's, and the
// chance that one of a is larger than one of b (the area under the ROC), 0.5 when nothing tells them apart.
func Apart(a, b []time.Duration) (delta time.Duration, auc float64) {
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				auc++
			case x == y:
				auc += 0.5
			}
		}
	}
	return Median(a) - Median(b), auc / float64(len(a)*len(b))
}

// Median returns the middle of the times.
func Median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}
