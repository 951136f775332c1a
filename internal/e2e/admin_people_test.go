package e2e

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const peopleSites = `http://127.0.0.1:<port> {
	gatehouse
	handle /staff {
		gatehouse_guard {
			require role staff
		}
		respond "staff"
	}
	handle {
		gatehouse_guard
		reverse_proxy <service> {
			stream_close_delay 5m
		}
	}
}
`

// TestS08_S17_AdministratorsOnTwoNodes: what an administrator does to an account by the API of one node rules on the other within a second:
// roles, another address, disabling, deletion. Nobody does it to themselves, and of two who disable each other at once one stays.
func TestS08_S17_AdministratorsOnTwoNodes(t *testing.T) {
	t.Parallel()
	up := newLiveUpstream(t)
	c := startCluster(t, plan{site: strings.ReplaceAll(peopleSites, "<service>", up.addr)})
	a, b := c.a, c.b
	boss, chief, u := a.newUser(t), a.newUser(t), a.newUser(t)
	for _, x := range []*user{boss, chief} {
		a.operatorJSON(t, "user", "role", "add", x.email, "admin")
	}
	boss, chief = a.signIn(t, boss, false), b.signIn(t, chief, false)
	as, path := call{bearer: boss.access}, "/admin/users/"+u.id
	refused := func(what string, since time.Time) {
		t.Helper()
		a.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
		if took := b.refusedAfter(t, u.access, since); took > time.Second {
			t.Errorf("%s: the other node refuses after %s", what, took)
		}
	}

	a.api(t, "PUT", path+"/roles/staff", nil, as).must(t, 204, "")
	u.take(t, b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	b.do(t, call{path: "/staff", bearer: u.access}).must(t, 200, "")
	a.api(t, "DELETE", path+"/roles/staff", nil, as).must(t, 204, "")
	refused("a role", time.Now())
	u.take(t, b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	b.do(t, call{path: "/staff", bearer: u.access}).want(t, 403, "forbidden")

	a.api(t, "PATCH", path, object{"email": "moved-" + u.email}, as).must(t, 200, "")
	refused("an address", time.Now())
	a.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "invalid_refresh_token")
	u.email = "moved-" + u.email
	u.take(t, b.api(t, "POST", "/login", object{"login": u.username, "password": u.password}).must(t, 200, ""))

	open := b.both(t, u.access)
	a.api(t, "PATCH", path, object{"disabled": true, "disabled_reason": "left"}, as).must(t, 200, "")
	since := time.Now()
	refused("disabling", since)
	up.wantClosed(t, since, 1008, open...)
	b.api(t, "POST", "/login", object{"login": u.username, "password": u.password}).want(t, 401, "invalid_credentials")

	for method, body := range map[string]object{"PATCH": {"disabled": true}, "DELETE": {}} {
		a.api(t, method, "/admin/users/"+boss.id, body, as).want(t, 403, "forbidden")
	}
	a.api(t, "DELETE", "/admin/users/"+boss.id+"/roles/admin", nil, as).want(t, 403, "forbidden")
	b.api(t, "DELETE", path, nil, call{bearer: chief.access}).must(t, 204, "")
	a.api(t, "GET", path, nil, as).want(t, 404, "not_found")

	// Of two who disable each other at once one is the last administrator. Who was disabled before their question came is nobody: then they try again.
	admins := []*user{boss, chief}
	for round := 1; ; round++ {
		var both sync.WaitGroup
		said := make([]answer, 2)
		for i, node := range []*gateway{a, b} {
			both.Go(func() {
				said[i] = node.api(t, "PATCH", "/admin/users/"+admins[1-i].id, object{"disabled": true}, call{bearer: admins[i].access})
			})
		}
		both.Wait()
		won := slices.IndexFunc(said, func(s answer) bool { return s.status == http.StatusOK })
		if won < 0 {
			t.Fatalf("neither disables the other: %d %d", said[0].status, said[1].status)
		}
		if said[1-won].status != http.StatusUnauthorized || round == 10 {
			said[1-won].want(t, 409, "last_admin")
			return
		}
		a.api(t, "PATCH", "/admin/users/"+admins[1-won].id, object{"disabled": false}, call{bearer: admins[won].access}).must(t, 200, "")
		admins[1-won] = a.signIn(t, admins[1-won], false)
	}
}
