package e2e

import (
	"testing"
	"time"
)

// devices lists the devices that a token's owner sees, by name.
func (g *gateway) devices(t testing.TB, access string) map[string]object {
	t.Helper()
	list, ok := g.api(t, "GET", "/devices", nil, call{bearer: access}).must(t, 200, "").json(t)["devices"].([]any)
	if !ok {
		t.Fatal("there is no list of devices")
	}
	out := map[string]object{}
	for _, v := range list {
		d, _ := v.(object)
		shape{"id": "uuid", "current": "bool", "name": "text", "browser": "text", "os": "text", "ip": "text", "first_seen_at": "time",
			"last_seen_at": "time", "trusted_until": "time|null", "sessions": "number"}.check(t, "a device", d)
		name, _ := d["name"].(string)
		out[name] = d
	}
	return out
}

// TestS05_ForgetDeviceOverTwoNodes: the owner finds a stranger's device and forgets it on one node while it refreshes on both. It is out
// on both within a second, with every token that it got meanwhile, and its next sign-in is told of.
func TestS05_ForgetDeviceOverTwoNodes(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	u, other := c.a.newUser(t), c.a.newUser(t)
	login := object{"login": u.email, "password": u.password, "device_name": "stranger"}
	first := c.b.api(t, "POST", "/login", login, call{header: map[string]string{"User-Agent": firefox}}).must(t, 200, "")
	told := func() int64 {
		return c.a.count(t, "select count(*) from outbox where kind = 'new_device' and account_id = '"+u.id+"'")
	}
	if n := told(); n != 1 {
		t.Errorf("%d mails tell of the stranger", n)
	}
	stranger := c.a.devices(t, u.access)["stranger"]
	id, _ := stranger["id"].(string)
	if stranger["current"] != false || stranger["sessions"] != 1.0 || stranger["browser"] != "Firefox" || stranger["trusted_until"] != nil {
		t.Fatalf("got %v", stranger)
	}
	c.b.api(t, "PATCH", "/devices/"+id, object{"name": "not mine"}, call{bearer: u.access}).must(t, 200, "")
	if list := c.a.devices(t, u.access); list["not mine"]["id"] != id || len(list) != 2 {
		t.Errorf("got %v", list)
	}
	for _, method := range []string{"PATCH", "DELETE"} { // another account knows nothing of it (S06)
		c.a.api(t, method, "/devices/"+id, object{"name": "x"}, call{bearer: other.access}).must(t, 404, "not_found")
	}
	c.b.do(t, call{path: "/x", bearer: first.text("access_token")}).must(t, 200, "")

	answers := c.overBoth(t, race, func(i int) call {
		if i == race/2 {
			return call{method: "DELETE", path: "/auth/devices/" + id, bearer: u.access}
		}
		return refreshing(first.text("refresh_token"), firefox)
	})
	forgotten := time.Now()
	answers[race/2].must(t, 204, "")
	tokens := []string{first.text("access_token")}
	for i, a := range answers {
		switch {
		case i == race/2:
		case a.status == 200:
			tokens = append(tokens, a.text("access_token"))
			c.a.do(t, refreshing(a.text("refresh_token"), firefox)).want(t, 401, "invalid_refresh_token")
		default:
			a.want(t, 401, "invalid_refresh_token")
		}
	}
	for _, g := range []*gateway{c.a, c.b} {
		if took := g.refusedAfter(t, tokens[len(tokens)-1], forgotten); took > time.Second {
			t.Errorf("it was let in for %s", took)
		}
		for _, token := range tokens {
			g.do(t, call{path: "/x", bearer: token}).want(t, 401, "invalid_token")
		}
		g.do(t, call{path: "/x", bearer: u.access}).must(t, 200, "")
	}
	if list := c.b.devices(t, u.access); len(list) != 1 {
		t.Errorf("got %v", list)
	}
	events, _ := c.b.api(t, "GET", "/events?kind=device.forgotten", nil, call{bearer: u.access}).must(t, 200, "").json(t)["events"].([]any)
	if len(events) != 1 {
		t.Errorf("events %v", events)
	}
	login["device_token"] = first.text("device_token")
	c.a.api(t, "POST", "/login", login).must(t, 200, "")
	if n := told(); n != 2 {
		t.Errorf("%d mails tell of the stranger, who came back", n)
	}
	if got := c.b.api(t, "POST", "/devices/revoke", object{"others": true}, call{bearer: u.access}).must(t, 200, "").json(t); got["revoked"] != 1.0 {
		t.Errorf("got %v", got)
	}
}
