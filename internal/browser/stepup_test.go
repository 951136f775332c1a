package browser

import (
	"fmt"
	"strings"
	"testing"
)

// twoHosts has a host of which a part asks for a recent sign-in, and the sign-in page on another.
const twoHosts = `{
	admin unix/.gatehouse.sock|0600
	skip_install_trust
	auto_https off
	gatehouse {
		data_dir .gatehouse
		issuer http://auth.localhost:<port>
` + noLimits + `	}
}

http://auth.localhost:<port> {
	bind 127.0.0.1
	gatehouse
	respond "in"
}

http://app.localhost:<port> {
	bind 127.0.0.1
	gatehouse_guard /admin/* {
		login_url http://auth.localhost:<port>/auth/login
		require fresh 6s
	}
	gatehouse_guard {
		login_url http://auth.localhost:<port>/auth/login
	}
	header Content-Type "text/html; charset=utf-8"
	respond "<!doctype html><html lang=en><title>Service</title><h1>Hello, {http.request.header.Remote-Email}</h1><form id=out method=post action=/admin/change><button>Change</button></form>"
}
`

// TestStepUp: without script, somebody whose sign-in is too old for a part of a service gives the password and is back there. A form that
// they send too late goes no further, and its page leads to the same.
func TestStepUp(t *testing.T) {
	t.Parallel()
	g, p, address := start(t, twoHosts), open(t, way{noScript: true}), newAddress()
	at := func(host string) string { return fmt.Sprintf("http://%s.localhost:%d", host, g.Port) }
	p.join(g, at("auth"), address)
	p.visit(at("app") + "/admin/users?page=2")
	tooOld := func() bool {
		p.visit(at("app") + "/admin/users?page=2")
		return strings.Contains(p.address(), "/auth/reauthenticate")
	}
	eventually(t, p.describe, tooOld)
	p.at("/auth/reauthenticate", "Confirm that it is you")
	p.press("reauthenticate-form", "password", "not the password")
	p.see("The current password is wrong.")
	p.press("reauthenticate-form", "password", password)
	eventually(t, p.describe, func() bool { return strings.HasPrefix(p.address(), at("app")) })
	p.at("/admin/users", "Hello, "+address)
	if p.query("page") != "2" {
		t.Errorf("back at %s", p.address())
	}
	eventually(t, p.describe, tooOld)
	p.visit(at("app") + "/")
	p.press("out")
	p.at("/admin/change", "Confirm that it is you")
	p.see("was not sent on")
}
