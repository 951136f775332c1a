package e2e

import (
	"testing"
	"time"
)

// goes waits until a table holds no rows of the condition; the sweep comes every ten seconds.
func (g *gateway) goes(t *testing.T, rows string) {
	t.Helper()
	inTime(t, 40*time.Second, "the sweep takes "+rows, func() bool { return g.count(t, "select count(*) from "+rows) == 0 })
}

func TestOption_retention_events(t *testing.T) {
	t.Parallel()
	retainsOnly(t, "devices", "events")
}

func TestOption_retention_devices(t *testing.T) {
	t.Parallel()
	retainsOnly(t, "events", "devices")
}

// retainsOnly: rows of one table go in time, those of the other stay, and so does the session.
func retainsOnly(t *testing.T, stays, leaves string) {
	t.Helper()
	g := start(t, plan{global: "\t\tretention {\n\t\t\t" + leaves + " 1s\n\t\t}\n"})
	u := g.newUser(t)
	if g.count(t, "select count(*) from "+leaves) == 0 {
		t.Fatal("nothing to remove")
	}
	g.goes(t, leaves)
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
	if g.count(t, "select count(*) from "+stays) == 0 {
		t.Errorf("%s have gone with the %s", stays, leaves)
	}
}

func TestOption_retention_invitations(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tinvitations users {\n\t\t\tlifetime 1s\n\t\t}\n\t\tretention {\n\t\t\tinvitations 1s\n\t\t}\n"})
	u := g.newUser(t)
	g.api(t, "POST", "/invitations", object{}, call{bearer: u.access}).must(t, 201, "")
	if g.count(t, "select count(*) from invitations") == 0 {
		t.Fatal("nothing to remove")
	}
	g.goes(t, "invitations")
}
