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
	g := start(t, plan{global: "\t\tretention {\n\t\t\tevents 1s\n\t\t}\n"})
	u := g.newUser(t)
	if g.count(t, "select count(*) from events") == 0 {
		t.Fatal("nothing to remove")
	}
	g.goes(t, "events")
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
	if g.count(t, "select count(*) from devices") == 0 {
		t.Error("devices have gone with the events")
	}
}

func TestOption_retention_devices(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tretention {\n\t\t\tdevices 1s\n\t\t}\n"})
	u := g.newUser(t)
	if g.count(t, "select count(*) from devices") == 0 {
		t.Fatal("nothing to remove")
	}
	g.goes(t, "devices")
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
	if g.count(t, "select count(*) from events") == 0 {
		t.Error("events have gone with the devices")
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
