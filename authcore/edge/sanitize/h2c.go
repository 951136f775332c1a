package sanitize

import (
	"net/http"
	"strings"
)

// h2cSettings goes with an upgrade to HTTP/2 without TLS (RFC 7540 §3.2.1), and has no other use.
const h2cSettings = "HTTP2-Settings"

// stripUpgrade drops the wish to switch to anything but a WebSocket. The proxy passes Upgrade on, and a service that takes
// `h2c` has from then on a tunnel to the client through which whole requests come: with identity headers of the client's
// own, and for paths that matchers and rules keep closed, for none of them passes a guard (P18, h2c smuggling). What a
// WebSocket carries is no requests. A server may ignore Upgrade (RFC 9110 §7.8), so the request goes on without it.
func stripUpgrade(h http.Header) {
	if asked, ok := h["Upgrade"]; ok && !OnlyWebSocket(asked) {
		delete(h, "Upgrade")
	}
}

// OnlyWebSocket reports whether a WebSocket is the one protocol asked for. In a list the service would choose.
func OnlyWebSocket(upgrade []string) bool {
	const protocol = "websocket"
	// The length leaves out letters beyond ASCII that fold to these.
	return len(upgrade) == 1 && len(upgrade[0]) == len(protocol) && strings.EqualFold(upgrade[0], protocol)
}
