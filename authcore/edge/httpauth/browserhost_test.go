package httpauth

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"testing"
)

// TestR01_TheHostThatBrowsersKnow: only the port is ever taken from anywhere but the Host header, and from a proxy's word only where
// Caddy trusts it (P09).
func TestR01_TheHostThatBrowsersKnow(t *testing.T) {
	t.Parallel()
	type headers = map[string]string
	const front = "stuff.example.com"
	for _, c := range []struct {
		what, host string
		header     headers
		front      string
		trusted    bool
		tls        bool
		want       string
	}{
		{"as the browser sent it", "stuff.example.com", nil, front, true, false, "stuff.example.com"},
		{"with where the proxy connects to", "stuff.example.com:8080", nil, front, true, false, "stuff.example.com"},
		{"in capitals", "Stuff.Example.com:8080", nil, front, true, false, "Stuff.Example.com"},
		{"with that, no proxy trusted", "stuff.example.com:8080", nil, front, false, false, "stuff.example.com"},
		{"with another port of the browser's", "stuff.example.com:9443", nil, front, true, false, "stuff.example.com:9443"},
		{"port dropped, the issuer has one", "stuff.example.com", nil, front + ":9443", true, false, "stuff.example.com:9443"},
		{"another host, port dropped", "app.example.com", nil, front + ":9443", true, false, "app.example.com"},
		{"another host, with where the proxy connects to", "app.example.com:8080", nil, front + ":9443", true, false, "app.example.com:9443"},
		{"another host, no issuer", "app.example.com:8080", nil, "", true, false, "app.example.com"},
		{"a forwarded host with a port", "app.example.com:8080", headers{"X-Forwarded-Host": "app.example.com:9443"}, front, true, false, "app.example.com:9443"},
		{"the same port in front", "app.example.com:8080", headers{"X-Forwarded-Host": "app.example.com:8080"}, front, true, false, "app.example.com:8080"},
		{"a forwarded host without one", "app.example.com:8080", headers{"X-Forwarded-Host": "app.example.com"}, front + ":9443", true, false, "app.example.com"},
		{"a forwarded port", "app.example.com:8080", headers{"X-Forwarded-Port": "9443"}, front, true, false, "app.example.com:9443"},
		{"a forwarded port, none in the host", "app.example.com", headers{"X-Forwarded-Port": "9443"}, front, true, false, "app.example.com:9443"},
		{"a forwarded port beside the browser's", "app.example.com:9443", headers{"X-Forwarded-Port": "443"}, front, true, false, "app.example.com:9443"},
		{"the scheme's own forwarded port", "app.example.com:8080", headers{"X-Forwarded-Port": "443"}, front + ":9443", true, false, "app.example.com"},
		{"a forwarded port of another hop", "app.example.com", headers{"X-Forwarded-Port": "80"}, front, true, false, "app.example.com"},
		{"forwarded by nobody trusted", "app.example.com", headers{"X-Forwarded-Port": "9443", "X-Forwarded-Host": "app.example.com:1"}, front, false, false, "app.example.com"},
		{"another forwarded name", "app.example.com", headers{"X-Forwarded-Host": "evil.test"}, front, true, false, "app.example.com"},
		{"another forwarded name with a port", "app.example.com", headers{"X-Forwarded-Host": "evil.test:1"}, front, true, false, "app.example.com"},
		{"a list", "app.example.com", headers{"X-Forwarded-Host": "app.example.com:1, app.example.com:2"}, front, true, false, "app.example.com"},
		{"no port", "app.example.com", headers{"X-Forwarded-Host": "app.example.com:x", "X-Forwarded-Port": "x"}, front, true, false, "app.example.com"},
		{"ports that are none", "app.example.com", headers{"X-Forwarded-Host": "app.example.com:99999", "X-Forwarded-Port": "0"}, front, true, false, "app.example.com"},
		{"a path in it", "app.example.com", headers{"X-Forwarded-Host": "app.example.com:1/x", "X-Forwarded-Port": "1/x"}, front, true, false, "app.example.com"},
		{"an address", "[::1]:8080", nil, front, true, false, "[::1]"},
		{"TLS here", "stuff.example.com:8080", nil, front, false, true, "stuff.example.com:8080"},
		{"TLS here behind a trusted proxy", "stuff.example.com", headers{"X-Forwarded-Port": "9443"}, front, true, true, "stuff.example.com:9443"},
	} {
		r := (&http.Request{Host: c.host, Header: http.Header{}}).WithContext(
			context.WithValue(context.Background(), http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(10, 0, 0, 2), Port: 8080})))
		if c.tls {
			r.TLS = &tls.ConnectionState{}
		}
		for name, value := range c.header {
			r.Header.Set(name, value)
		}
		if got := BrowserHost(r, true, c.trusted, c.front); got != c.want {
			t.Errorf("%s: %s, want %s", c.what, got, c.want)
		}
	}
}
