package testflow

import (
	"math/rand/v2"
	"testing"
	"time"
)

// draws are n times around a middle, spread as those of a machine are: some take several times as long.
func draws(r *rand.Rand, n int, middle, spread time.Duration) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = middle + time.Duration(r.ExpFloat64()*float64(spread))
	}
	return out
}

func TestTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		later       time.Duration
		spread      time.Duration
		least, most int // how many of two hundred comparisons tell them apart
	}{
		{name: "alike on a quiet machine", spread: 2 * time.Millisecond, most: 15},
		{name: "alike on a busy machine", spread: 150 * time.Millisecond, most: 15},
		{name: "six milliseconds on a quiet machine", later: 6 * time.Millisecond, spread: 2 * time.Millisecond, least: 200, most: 200},
		{name: "half a millisecond that nothing hides", later: 500 * time.Microsecond, spread: time.Millisecond, least: 200, most: 200},
		{name: "a hash on a busy machine", later: 60 * time.Millisecond, spread: 150 * time.Millisecond, least: 200, most: 200},
	} {
		r := rand.New(rand.NewPCG(1, 2))
		told := 0
		for range 200 {
			if Told(draws(r, 400, 50*time.Millisecond+c.later, c.spread), draws(r, 400, 50*time.Millisecond, c.spread)) {
				told++
			}
		}
		if told < c.least || told > c.most {
			t.Errorf("%s: told apart %d times of 200", c.name, told)
		}
	}
}
