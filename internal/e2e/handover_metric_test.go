package e2e

import (
	"net/http"
	"testing"
)

// TestMetrics_Handovers: every end of a hand-over is counted where it happens, and nothing but that.
func TestMetrics_Handovers(t *testing.T) {
	t.Parallel()
	g := start(t, guardedHosts("http", plan{}))
	login, app, wiki, _ := g.newSurfer(t, "http")
	seen := map[string]float64{}
	moved := func(what string, want map[string]float64) {
		t.Helper()
		for _, outcome := range []string{"issued", "redeemed", "invalid_code", "unavailable", "canceled", "internal_error", "other"} {
			n := g.metric(t, `gatehouse_handovers_total{outcome="`+outcome+`"}`)
			if n-seen[outcome] != want[outcome] {
				t.Errorf("%s: %s moved by %v, want %v", what, outcome, n-seen[outcome], want[outcome])
			}
			seen[outcome] = n
		}
	}
	moved("at first", nil)
	code := app.handed(t, login, fresh())
	moved("a code", map[string]float64{"issued": 1})
	wiki.refused(t, "at another host", code)
	moved("two tries at another host", map[string]float64{"invalid_code": 2})
	app.led(t, http.StatusSeeOther, code)
	moved("at its host", map[string]float64{"redeemed": 1})
	app.led(t, http.StatusSeeOther, code)
	moved("signed in already", nil)
	login.led(t, http.StatusSeeOther, "/auth/login?rd="+wiki.origin()+"/private/x&handover=AAAA")
	moved("what nobody asked for", nil)
}
