package testflow

import (
	"math"
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

// Told reports whether somebody with a clock tells a from b: their medians are more than 5 ms apart, or the area under the
// ROC is not within 0.45 and 0.55. On a busy machine chance alone moves medians by more than 5 ms; three times its standard
// error is allowed then.
func Told(a, b []time.Duration) bool {
	delta, auc := Apart(a, b)
	chance := 3 * math.Hypot(medianError(a), medianError(b))
	return delta.Abs() > max(5*time.Millisecond, time.Duration(chance)) || auc < 0.45 || auc > 0.55
}

// medianError is the standard error of the median, read from the times around it: as many lie below the true median as
// heads fall in len(d) throws, with a deviation of half the root.
func medianError(d []time.Duration) float64 {
	s, off := slices.Sorted(slices.Values(d)), int(math.Sqrt(float64(len(d)))/2)
	return float64(s[min(len(s)/2+off, len(s)-1)]-s[len(s)/2-off]) / 2
}

// Median returns the middle of the times.
func Median(d []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(d))
	return s[len(s)/2]
}
