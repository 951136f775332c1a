package e2e

import (
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestP18_SmugglingHTTP2: what HTTP/2 frames for itself must not come out of the gateway as another framing, and no field
// may hold what HTTP/1 takes for the end of a line (RFC 9113 §8.2.1, §8.2.2).
func TestP18_SmugglingHTTP2(t *testing.T) {
	t.Parallel()
	g, host := transportGateway(t)
	u := g.newUser(t)
	// The https origin has an issuer of its own.
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, g.overTLS(t, host)).must(t, 200, "").text("access_token")
	bearer := []string{"authorization", "Bearer " + token}
	refused := map[string][]string{
		"CR LF in a value":             {"x-a", "1\r\nRemote-User: root"},
		"LF in a value":                {"x-a", "1\nRemote-User: root"},
		"CR in a value":                {"x-a", "1\rRemote-User: root"},
		"NUL in a value":               {"x-a", "1\x00"},
		"CR LF in a name":              {"x-a: 1\r\nremote-user", "root"},
		"colon in a name":              {"x-a: b", "1"},
		"upper case in a name":         {"X-A", "1"},
		"space in a name":              {"x a", "1"},
		"empty name":                   {"", "1"},
		"transfer-encoding":            {"transfer-encoding", "chunked"},
		"connection":                   {"connection", "remote-user"},
		"keep-alive":                   {"keep-alive", "x"},
		"proxy-connection":             {"proxy-connection", "remote-user"},
		"upgrade":                      {"upgrade", "websocket"},
		"te of anything but trailers":  {"te", "chunked"},
		"pseudo-header after a field":  {"x-a", "1", ":path", "/other"},
		"unknown pseudo-header":        {":remote-user", "root"},
		"second path":                  {":path", "/other"},
		"CR LF in the path":            {":path", "/x HTTP/1.1\r\nRemote-User: root\r\n\r\n"},
		"CR LF in the method":          {":method", "GET / HTTP/1.1\r\nA:"},
		"CR LF in the authority":       {":authority", host + "\r\nRemote-User: root"},
		"protocol without CONNECT":     {":protocol", "websocket"},
		"lengths that differ":          {"content-length", "0", "content-length", "5"},
		"a length with a sign":         {"content-length", "+0"},
		"a length that is a list":      {"content-length", "0, 0"},
		"a length beyond a small body": {"content-length", "9"},
	}
	for what, fields := range refused {
		before := g.up.requests.Load()
		c := dialH2(t, strings.Replace(host, "localhost", "127.0.0.1", 1), "localhost")
		stream := c.send(host, bearer, fields)
		a := c.await(stream)
		if a.status != "400" && !a.reset && !c.ended {
			t.Errorf("%s: %s", what, a)
		}
		if n := g.up.requests.Load(); n != before {
			t.Errorf("%s reached the upstream", what)
		}
		// The next request on the link is clean, where the link lives on.
		if !c.ended {
			next := c.await(c.open(true, "GET", host, "/next", bearer...))
			if !c.ended && (next.status != "200" || !strings.Contains(string(next.body), `"/next"`) || strings.Contains(string(next.body), "root")) {
				t.Errorf("%s: the next request on the link: %s", what, next)
			}
		}
		_ = c.conn.Close()
	}
}

// send opens a stream with a body of five bytes, where fields may replace pseudo-headers.
func (c *h2) send(host string, bearer, fields []string) uint32 {
	stream := c.next
	c.next += 2
	pseudo := map[string]string{":method": "POST", ":scheme": "https", ":authority": host, ":path": "/x"}
	if strings.HasPrefix(fields[0], ":") && len(fields) == 2 && pseudo[fields[0]] != "" && fields[1] != "/other" {
		pseudo[fields[0]] = fields[1]
		fields = nil
	}
	var all []string
	for _, name := range []string{":method", ":scheme", ":authority", ":path"} {
		all = append(all, name, pseudo[name])
	}
	if len(fields) > 0 && strings.HasPrefix(fields[0], ":") {
		all, fields = append(all, fields...), nil
	}
	all = append(append(all, bearer...), fields...)
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block(all...), EndHeaders: true})
	_ = c.framer.WriteData(stream, true, []byte("12345"))
	return stream
}

// TestP18_BodyBeyondItsLength: the body of a stream is as long as its frames say, and content-length must agree
// (RFC 9113 §8.1.1). What is longer must not reach the upstream as the beginning of another request.
func TestP18_BodyBeyondItsLength(t *testing.T) {
	t.Parallel()
	g, host := transportGateway(t)
	u := g.newUser(t)
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, g.overTLS(t, host)).must(t, 200, "").text("access_token")
	for _, length := range []string{"0", "1", "1000"} {
		c := dialH2(t, strings.Replace(host, "localhost", "127.0.0.1", 1), "localhost")
		before := g.up.requests.Load()
		stream := c.open(false, "POST", host, "/x", "authorization", "Bearer "+token, "content-length", length)
		if length == "0" { // the head alone looks whole: it must not be forwarded before the stream has ended
			const others = 20
			for range others {
				if a := c.await(c.open(true, "GET", host, "/next", "authorization", "Bearer "+token)); a.status != "200" {
					t.Errorf("a request beside the open one: %s", a)
				}
			}
			if n := g.up.requests.Load() - before; n != others {
				t.Errorf("content-length 0: the upstream was asked %d times while the stream was open, %d by other streams", n, others)
			}
		}
		_ = c.framer.WriteData(stream, true, []byte("x"+inner))
		a := c.await(stream)
		if strings.HasPrefix(a.status, "2") || strings.Contains(string(a.body), "smuggled") {
			t.Errorf("content-length %s with a body of %d: %s", length, 1+len(inner), a)
		}
		_ = c.conn.Close()
	}
	for range 20 { // whoever uses the gateway's connections to the upstream next finds nothing left in them
		if e := g.do(t, call{path: "/clean", bearer: u.access}).must(t, 200, "").echo(t); e.Target != "/clean" {
			t.Errorf("the upstream was asked for %s", e.Target)
		}
	}
}
