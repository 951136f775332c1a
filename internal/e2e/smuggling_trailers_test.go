package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/net/http2"
)

// TestP04_TrailersHTTP2: what authenticates, routes or frames a request is no trailer over HTTP/2 either (RFC 9110 §6.5.1),
// announced or not, with a length or without; a trailer that is the client's own arrives.
func TestP04_TrailersHTTP2(t *testing.T) {
	t.Parallel()
	g, host := transportGateway(t)
	u := g.newUser(t)
	token := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password}, g.overTLS(t, host)).must(t, 200, "").text("access_token")
	for _, name := range []string{"authorization", "cookie", "host", "content-length", "transfer-encoding", "remote-user", "x-theirs"} {
		for _, more := range [][]string{{}, {"trailer", name}, {"trailer", name + ", x-other"}, {"trailer", name, "content-length", "5"}} {
			c := dialH2(t, strings.Replace(host, "localhost", "127.0.0.1", 1), "localhost")
			before := g.up.requests.Load()
			stream := c.open(false, "POST", host, "/x", append([]string{"authorization", "Bearer " + token}, more...)...)
			_ = c.framer.WriteData(stream, false, []byte("12345"))
			c.endWith(stream, name, "spoofed")
			a := c.await(stream)
			_ = c.conn.Close()
			if a.status != "200" { // net/http refuses it; what has a length may have reached the upstream before, where nothing can follow it
				whole := len(more) < 4 && g.up.requests.Load() != before
				if whole || name == "x-theirs" || name == "cookie" || name == "remote-user" {
					t.Errorf("%s %v: %s", name, more, a)
				}
				continue
			}
			var e echo
			if err := json.Unmarshal(a.body, &e); err != nil {
				t.Fatal(err)
			}
			arrived := strings.Contains(string(a.body), "spoofed")
			announced := strings.Contains(strings.ToLower(strings.Join(e.all("Trailer"), ",")), name)
			if theirs := name == "x-theirs" && len(more) > 0; arrived != theirs || announced != theirs || e.Body != "12345" {
				t.Errorf("%s %v: the upstream got %s", name, more, a.body)
			}
		}
	}
}

// endWith ends a stream with one trailer.
func (c *h2) endWith(stream uint32, name, value string) {
	_ = c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.block(name, value), EndStream: true, EndHeaders: true})
}
