package e2e

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// siteOn is the default site on a port, with the line that binds it.
func siteOn(port int, bind string) string {
	return strings.NewReplacer("<port>", strconv.Itoa(port), "\tgatehouse\n", "\t"+bind+"\n\tgatehouse\n").Replace(defaultSite)
}

// TestStart_PortShared: a second gateway on the port of one that runs does not start, however either writes the address, and takes no
// request from it. What is about to end may still hold the port, and a reload is no second start.
func TestStart_PortShared(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	bound := start(t, plan{site: strings.Replace(defaultSite, "\tgatehouse\n", "\tbind 127.0.0.1\n\tgatehouse\n", 1)})
	loopback := bound.Port
	for what, second := range map[string]struct {
		p     plan
		names string
	}{
		"as it is":          {plan{site: siteOn(g.Port, "")}, fmt.Sprintf(":%d is in use", g.Port)},
		"loopback of all":   {plan{site: siteOn(g.Port, "bind 127.0.0.1")}, fmt.Sprintf("address 127.0.0.1:%d is in use", g.Port)},
		"IPv6":              {plan{site: siteOn(g.Port, "bind ::1")}, fmt.Sprintf("address [::1]:%d is in use", g.Port)},
		"all of loopback":   {plan{site: siteOn(loopback, "")}, fmt.Sprintf("on 127.0.0.1:%d", loopback)},
		"IPv4":              {plan{site: siteOn(loopback, "bind tcp4/0.0.0.0")}, fmt.Sprintf("on 127.0.0.1:%d", loopback)},
		"a second site":     {plan{site: defaultSite + siteOn(g.Port, "")}, fmt.Sprintf(":%d is in use", g.Port)},
		"the admin address": {plan{admin: fmt.Sprintf("127.0.0.1:%d", g.Port)}, fmt.Sprintf("127.0.0.1:%d is in use", g.Port)},
	} {
		t.Run(what, func(t *testing.T) {
			second.p.failing = true
			s := start(t, second.p)
			if err := s.WaitExit(t); err == nil || !strings.Contains(s.logs(), second.names) {
				t.Errorf("it ends with %v and does not say %q:\n%s", err, second.names, s.Log.Tail(4))
			}
			if _, err := os.Stat(s.sqlitePath()); err == nil {
				t.Error("it has made a database")
			}
			if _, errs, code := s.Command(t, "validate", "--config", "Caddyfile"); code != 0 {
				t.Errorf("validate: %s", errs)
			}
		})
	}
	g.client.CloseIdleConnections()
	for range 20 {
		g.client.CloseIdleConnections()
		g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	}
	if complaint, err := g.reload(plan{site: defaultSite + siteOn(loopback, "")}); err != nil || !strings.Contains(complaint, "is in use") {
		t.Errorf("a reload to a port of another: %v %s", err, complaint)
	}
	g.mustReload(t, plan{global: "\t\taccess_lifetime 7m\n", site: defaultSite + siteOn(g.Port2, "bind 127.0.0.1 ::1")})
	g.mustReload(t, plan{site: defaultSite + siteOn(g.Port2, "")})
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

// TestStart_PortAfterAnother: a start waits for a process that ends, for as long as that may go on listening.
func TestStart_PortAfterAnother(t *testing.T) {
	t.Parallel()
	g := start(t, plan{caddy: graceful})
	next := start(t, plan{caddy: graceful, failing: true, site: siteOn(g.Port, "")})
	eventually(t, "the next one waits", func() bool { return strings.Contains(next.logs(), "waiting for the process that uses the address") })
	g.signal(t, syscall.SIGTERM)
	next.Port = g.Port
	g.WaitExit(t)
	eventually(t, "the next one serves", next.Serves)
	next.newUser(t)
}

// TestStart_PortElsewhere: sites on one port may be bound to all and to one address, and who listens on another address of the port, or
// at a Unix socket, is in nobody's way.
func TestStart_PortElsewhere(t *testing.T) {
	t.Parallel()
	other, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	g := start(t, plan{site: strings.Replace(defaultSite, "\tgatehouse\n", "\tbind 127.0.0.1\n\tgatehouse\n", 1) + strings.Replace(defaultSite, "127.0.0.1", "one.localhost", 1) +
		strings.Replace(siteOn(other.Addr().(*net.TCPAddr).Port, "bind 127.0.0.1 unix/<dir>/site.sock"), "127.0.0.1", "two.localhost", 1)})
	g.mustReload(t, plan{})
	g.stopped(t)
	g.restart(t)
	g.newUser(t)
	if strings.Contains(g.logs(), "in use") {
		t.Error(g.Log.Tail(5))
	}
}
