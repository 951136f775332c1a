package figures_test

import (
	"math"
	"testing"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
)

func TestOf(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []float64
		want   figures.Spread
	}{
		"none":          {nil, figures.Spread{}},
		"one":           {[]float64{3}, figures.Spread{Min: 3, Q1: 3, Median: 3, Q3: 3, N: 1}},
		"odd, unsorted": {[]float64{5, 1, 4, 2, 3}, figures.Spread{Min: 1, Q1: 2, Median: 3, Q3: 4, N: 5}},
		"even":          {[]float64{1, 2, 3, 4}, figures.Spread{Min: 1, Q1: 1.75, Median: 2.5, Q3: 3.25, N: 4}},
		"no numbers":    {[]float64{math.NaN(), 2, math.Inf(1)}, figures.Spread{Min: 2, Q1: 2, Median: 2, Q3: 2, N: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := figures.Of(c.values); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestOf_LeavesItsArgumentAlone(t *testing.T) {
	t.Parallel()
	values := []float64{3, 1, 2}
	figures.Of(values)
	if values[0] != 3 || values[1] != 1 || values[2] != 2 {
		t.Errorf("the values were changed: %v", values)
	}
}

// A machine that slows down steadily by half over three slices does not change the ratio of equal things.
func TestPaired_SteadyDriftCancelsOut(t *testing.T) {
	t.Parallel()
	if got := figures.Paired(150, 100, 200); got != 1 {
		t.Errorf("got %v, want 1", got)
	}
	if got := figures.Paired(150, 100, 100); got != 1.5 {
		t.Errorf("got %v, want 1.5", got)
	}
	if got := figures.Paired(1, 0, 0); !math.IsNaN(got) {
		t.Errorf("got %v for a baseline of zero, want no number", got)
	}
}
