package figures

import (
	"math"
	"slices"
)

// Spread is what is told of many measurements of one thing.
type Spread struct {
	Min    float64 `json:"min"`
	Q1     float64 `json:"q1"`
	Median float64 `json:"median"`
	Q3     float64 `json:"q3"`
	N      int     `json:"n"`
}

// Of returns the quartiles of values, between two of them by linear interpolation. Values that are no numbers are left
// out; the zero Spread says that there were none.
func Of(values []float64) Spread {
	sorted := slices.DeleteFunc(slices.Clone(values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(sorted) == 0 {
		return Spread{}
	}
	slices.Sort(sorted)
	return Spread{Min: sorted[0], Q1: quantile(sorted, 0.25), Median: quantile(sorted, 0.5), Q3: quantile(sorted, 0.75), N: len(sorted)}
}

// Top returns the 99th percentile and the largest of values; zeros for none.
func Top(values []float64) (p99, most float64) {
	if len(values) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return quantile(sorted, 0.99), sorted[len(sorted)-1]
}

// quantile wants sorted values, at least one.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	part := at - float64(below)
	return sorted[below]*(1-part) + sorted[below+1]*part
}

// Paired returns value as a multiple of the mean of what was measured just before and just after it: a drift of the
// machine that is slower than three slices cancels out. It is no number where the baseline is zero.
func Paired(value, before, after float64) float64 {
	base := (before + after) / 2
	if base == 0 {
		return math.NaN()
	}
	return value / base
}
