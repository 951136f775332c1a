package e2e

import (
	"fmt"
	"strings"
	"testing"
)

const upgradeSites = defaultSite + `http://127.0.0.1:<port2> {
	gatehouse
	gatehouse_guard {
		optional
	}
	reverse_proxy <upstream>
}
http://127.0.0.1:<port3> {
	gatehouse_guard /admin* {
		login_url http://localhost:9/auth/login
	}
	reverse_proxy <upstream>
}
`

// TestP18_UpgradeToH2C is h2c smuggling: a service that switches to HTTP/2 would take whole requests from the client, past
// the guard. On no way through a guard does it learn that one was asked for; a WebSocket still opens.
func TestP18_UpgradeToH2C(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: upgradeSites})
	u := g.newUser(t)
	for what, way := range map[string]struct {
		port       int
		credential string
	}{
		"signed in": {g.Port, "Authorization: Bearer " + u.access + "\r\n"},
		"optional":  {g.Port2, ""},
		"unmatched": {g.Port3, ""},
	} {
		addr := fmt.Sprintf("127.0.0.1:%d", way.port)
		head := "GET /_up/upgrade HTTP/1.1\r\nHost: " + addr + "\r\n" + way.credential
		for _, upgrade := range []string{
			"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n",
			"upgrade: H2C\r\nconnection: keep-alive, upgrade, http2-settings\r\n",
			"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n",
			"Upgrade: h2c, websocket\r\nConnection: Upgrade\r\n",
			"Upgrade: websocket\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
			"Upgrade: h2c\r\nConnection: Upgrade\r\nConnection: HTTP2-Settings\r\n",
			"Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n",
			"Upgrade: chat\r\nConnection: Upgrade\r\n",
			"Upgrade: websocket/13\r\nConnection: Upgrade\r\n",
			"Upgrade: h2c\r\n",
		} {
			e := g.rawTo(t, addr, head+upgrade+"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n").must(t, 200, "").echo(t)
			if e.Target != "/_up/upgrade" || len(e.all("Upgrade"))+len(e.all("HTTP2-Settings")) > 0 || strings.Contains(strings.ToLower(strings.Join(e.all("Connection"), ",")), "upgrade") {
				t.Errorf("%s: %q reached the upstream as %v", what, upgrade, e)
			}
		}
		for _, name := range []string{"websocket", "WebSocket"} {
			e := g.rawTo(t, addr, head+strings.Replace(upgradeHead, "websocket", name, 1)+"HTTP2-Settings: AAMAAABk\r\n\r\n").must(t, 101, "").echo(t)
			if !strings.EqualFold(e.get(t, "Upgrade"), name) || e.get(t, "Connection") != "Upgrade" || e.get(t, "HTTP2-Settings") != "" {
				t.Errorf("%s: a WebSocket reached the upstream as %v", what, e)
			}
		}
	}
}
