package throttle

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// TestLedger_Pardons: each reaches to its moment, and once as far beyond as clocks differ.
func TestLedger_Pardons(t *testing.T) {
	policy := &Policy{Failures: 5, Window: 15 * time.Minute, First: time.Minute, Max: time.Hour}
	start := time.Unix(1_800_000_000, 0)
	at := func(s float64) time.Time { return start.Add(time.Duration(s * float64(time.Second))) }
	for what, c := range map[string]struct {
		before  float64   // the newest pardon heeded before; 0 is none
		pardon  float64   // 0 is none
		now     float64   // when it is heard of
		left    []float64 // of failures at 10, 20, 20.5, 30
		doubled bool      // from a lock of a minute that ended at 40
	}{
		"none":                         {0, 0, 50, []float64{10, 20, 20.5, 30}, true},
		"of then":                      {0, 20, 50, []float64{30}, false},
		"again":                        {20, 20, 50, []float64{10, 20, 20.5, 30}, true},
		"older than one before":        {25, 20, 50, []float64{10, 20, 20.5, 30}, true},
		"from before the lock":         {0, -21, 50, []float64{10, 20, 20.5, 30}, true},
		"of now":                       {0, 50, 50, nil, false},
		"of a clock a little ahead":    {0, 50.5, 50, nil, false},
		"from the future, which waits": {0, 3600, 50, []float64{10, 20, 20.5, 30}, true},
	} {
		o := ledger{failures: []time.Time{at(10), at(20), at(20.5), at(30)}, until: at(40), locks: 1}
		if c.before != 0 {
			o.pardoned = at(c.before)
		}
		pardon := time.Time{}
		if c.pardon != 0 {
			pardon = at(c.pardon)
		}
		o.heed(pardon, at(c.now), policy)
		var want []time.Time
		for _, s := range c.left {
			want = append(want, at(s))
		}
		if !slices.Equal(o.failures, want) || (o.locks == 1) != c.doubled {
			t.Errorf("%s: left are %v and %d locks", what, o.failures, o.locks)
		}
	}
}

// TestLedger_ClockSetBack: pardons of after a step of the clock are heeded.
func TestLedger_ClockSetBack(t *testing.T) {
	policy := &Policy{Failures: 5, Window: 15 * time.Minute, First: time.Minute, Max: time.Hour}
	late := time.Unix(1_800_000_000, 0)
	early := late.Add(-time.Hour)
	o := ledger{}
	o.heed(late, late, policy)
	o.add(early, policy)
	o.heed(late, early.Add(time.Second), policy) // again
	if len(o.failures) != 1 {
		t.Error("a pardon from before the step was heeded twice")
	}
	o.heed(early.Add(2*time.Second), early.Add(2*time.Second), policy)
	if len(o.failures) != 0 {
		t.Error("a pardon from after the step was not heeded")
	}
}

// TestPardon_IsOfOneNameAndMoment: no other word than a node's own is one.
func TestPardon_IsOfOneNameAndMoment(t *testing.T) {
	key := func(b byte) *Lockouts {
		k, err := secret.NewMACKey(slices.Repeat([]byte{b}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return &Lockouts{key: func() secret.MACKey { return k }}
	}
	l, at := key(1), time.UnixMicro(1_800_000_000_123_456)
	name := l.digest("a")
	words := l.pardon(name, at)
	if !l.pardoned(name, words).Equal(at) {
		t.Error("a true one is none")
	}
	if !l.pardoned(l.digest("b"), words).IsZero() || !key(2).pardoned(name, words).IsZero() || !l.pardoned(name, [pardonWords]int64{}).IsZero() {
		t.Error("it is good for another name or key, or nothing is one")
	}
	for i := range words {
		forged := words
		forged[i]++
		if !l.pardoned(name, forged).IsZero() {
			t.Errorf("with another word %d it is still good", i)
		}
		if words[i] < 0 || words[i] >= 1<<53 {
			t.Errorf("Lua cannot tell word %d exactly", i)
		}
	}
}
