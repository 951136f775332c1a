package tuning

import (
	"strings"
	"testing"
	"time"
)

func registry(t *testing.T, changeable func(string) bool) *Registry {
	t.Helper()
	r, err := NewRegistry([]Definition{
		Duration("access", 5*time.Minute, time.Second, 24*time.Hour),
		Duration("refresh", 30*day, time.Second, 400*day).Or(DurationValue(10 * day)),
		Duration("session", 90*day, time.Second, 400*day),
		OptionalDuration("idle", time.Second, 400*day),
		Number("failures", 5, 1, 100),
		Word("signup", "verified", "open"),
	}, []Rule{{Less: "access", Than: "refresh"}, {Less: "refresh", Than: "session", OrEqual: true}, {Less: "access", Than: "idle"}}, changeable)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func set(version int64, of ...string) State {
	s := State{Version: version}
	for i := 0; i < len(of); i += 2 {
		s.Overrides = append(s.Overrides, Override{Name: of[i], Value: of[i+1]})
	}
	return s
}

func TestRegistry_RunTimeValueRulesUntilReset(t *testing.T) {
	t.Parallel()
	r := registry(t, nil)
	refresh, word, changes := r.Duration("refresh"), r.Text("signup"), 0
	r.OnChange(func() { changes++ })
	r.Apply(set(2, "refresh", "12h", "signup", "open", "of a newer program", "x"))
	if refresh() != 12*time.Hour || word() != "open" || changes != 1 || r.Version() != 2 || r.Overridden() != 2 {
		t.Errorf("refresh %s, signup %s, %d changes, version %d, %d overridden", refresh(), word(), changes, r.Version(), r.Overridden())
	}
	r.Apply(set(1)) // was read before, and comes later
	if refresh() != 12*time.Hour {
		t.Error("an older state has replaced a newer one")
	}
	r.Apply(set(3))
	if refresh() != 10*day || word() != "verified" || r.Overridden() != 0 {
		t.Errorf("after the reset refresh %s, signup %s", refresh(), word())
	}
}

// The configuration may have changed since: what does not go together with it any more does not rule, and the rules hold.
func TestRegistry_WhatDoesNotGoTogether(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		changeable func(string) bool
		state      State
		idle       string
		why        string
	}{
		"too long for the configuration": {nil, set(1, "access", "23h", "refresh", "1h"), "access", "< refresh (1h)"},
		"one above another":              {nil, set(1, "session", "5d"), "session", ">= refresh (10d)"},
		"out of range":                   {nil, set(1, "failures", "101"), "failures", "1-100"},
		"no value":                       {nil, set(1, "signup", "maybe"), "signup", "verified|open"},
		"kept by the configuration":      {func(n string) bool { return n == "access" }, set(1, "failures", "9"), "failures", "keeps"},
	} {
		r := registry(t, c.changeable)
		r.Apply(c.state)
		idle := r.Idle()
		if len(idle) != 1 || idle[0].Name != c.idle || !strings.Contains(idle[0].Why, c.why) {
			t.Errorf("%s: idle %+v", name, idle)
		}
		now := r.Values()
		if a, f, s := now.Duration(r.Key("access")), now.Duration(r.Key("refresh")), now.Duration(r.Key("session")); a >= f || f > s {
			t.Errorf("%s: access %s, refresh %s, session %s", name, a, f, s)
		}
	}
}

func TestRegistry_Fits(t *testing.T) {
	t.Parallel()
	r := registry(t, nil)
	for text, want := range map[string]string{
		"access 9d": "", "access 10d": "< refresh (10d)", "refresh 90d": "", "refresh 91d": "<= session (90d)",
		"session 10d": "", "session 9d": ">= refresh (10d)", "idle 4m": "> access (5m)", "idle off": "", "idle 5m1s": "",
	} {
		name, value, _ := strings.Cut(text, " ")
		d := r.all.Load().definitions[r.must(name)]
		d.Range = "any"
		v, err := Duration(name, day, time.Second, 400*day).Parse(value)
		if value == Off {
			v, err = d.Parse(value)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := r.fits(State{}, name, v); (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// Longest is the longest that tokens live which may be out: also those issued under a value that rules no more.
func TestRegistry_LongestEverInForce(t *testing.T) {
	t.Parallel()
	r := registry(t, nil)
	if got := r.Longest("access"); got != 5*time.Minute {
		t.Errorf("%s", got)
	}
	s := set(2)
	s.Most = map[string]int64{"access": int64(12 * time.Hour)}
	r.Apply(s)
	if got := r.Longest("access"); got != 12*time.Hour {
		t.Errorf("%s, want 12h: tokens of then are out", got)
	}
}

// A reader of a setting costs an atomic load: no lock, no allocation.
func TestRegistry_ReadingAllocatesNothing(t *testing.T) {
	r := registry(t, nil)
	access, key := r.Duration("access"), r.Key("session")
	var sum time.Duration
	if n := testing.AllocsPerRun(100, func() { sum += access() + r.Values().Duration(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDefinition_Parse(t *testing.T) {
	t.Parallel()
	d := Duration("d", day, time.Second, 30*day)
	for text, want := range map[string]string{"1m": "1m", " 90s ": "1m30s", "24h": "1d", "1d12h": "36h", "30d": "30d", "60m": "1h",
		"31d": "", "0s": "", "-1m": "", "1": "", "": "", "1d-1h": "", "off": "", "1m 1s": "", strings.Repeat("1", 65) + "s": "", "99999d": ""} {
		v, err := d.Parse(text)
		if v.Text != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q (%v), want %q", text, v.Text, err, want)
		}
	}
	n := Number("n", 5, 1, 10)
	for text, ok := range map[string]bool{"1": true, "10": true, "0": false, "11": false, "1.5": false, "x": false, "-1": false} {
		if _, err := n.Parse(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	limit := Limit("l", "30/1m", func(s string) (string, error) { return s, nil })
	if v, err := limit.Parse("off"); err != nil || v.Text != "off" {
		t.Errorf("%v %v", v, err)
	}
}
