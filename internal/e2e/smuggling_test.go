package e2e

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// transportGateway speaks plain HTTP on its first port and TLS with HTTP/2 on its second, as localhost.
func transportGateway(t testing.TB) (g *gateway, secure string) {
	t.Helper()
	g = start(t, plan{caddy: "skip_install_trust", site: defaultSite + secureSite})
	g.waitTLS(t, g.Port2)
	return g, fmt.Sprintf("localhost:%d", g.Port2)
}

const secureSite = `https://localhost:<port2> {
	tls internal
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
`

// waitTLS waits until the certificate of localhost is there.
func (g *gateway) waitTLS(t testing.TB, port int) {
	t.Helper()
	eventually(t, "the certificate is there", func() bool {
		conn, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port), &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"})
		if err != nil {
			return false
		}
		_ = conn.Close()
		return true
	})
}

// overTLS is a call to the https site, by a client that speaks HTTP/2 and trusts Caddy's own new authority.
func (g *gateway) overTLS(t testing.TB, host string) call {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return call{base: "https://" + host, client: &http.Client{Transport: transport, CheckRedirect: g.client.CheckRedirect, Timeout: 30 * time.Second}}
}

// inner is the request that hides in a body; what it asks for must never be asked.
const inner = "GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

// TestP18_SmugglingHTTP1: messages whose end two servers see at different places are refused, and the connection ends
// with the refusal, so that nothing that follows is taken for a request.
func TestP18_SmugglingHTTP1(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	head := "POST /x HTTP/1.1\r\nHost: " + g.Host() + "\r\nAuthorization: Bearer " + u.access + "\r\n"
	before := g.up.requests.Load()
	for what, rest := range map[string]string{
		"TE.TE":                       "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
		"TE.TE, the same twice":       "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"TE list":                     "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"TE with a bad list":          "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"TE of a space before colon":  "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"TE with a vertical tab":      "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
		"TE quoted":                   "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n",
		"TE unknown":                  "Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
		"TE folded":                   "Transfer-Encoding:\r\n chunked, x\r\n\r\n0\r\n\r\n",
		"two CL":                      "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
		"CL list":                     "Content-Length: 0, 44\r\n\r\n",
		"CL with a sign":              "Content-Length: +0\r\n\r\n",
		"CL negative":                 "Content-Length: -1\r\n\r\n",
		"CL hexadecimal":              "Content-Length: 0x0\r\n\r\n",
		"CL with a space inside":      "Content-Length: 0 0\r\n\r\n",
		"CL empty":                    "Content-Length: \r\n\r\n",
		"CL beyond 64 bits":           "Content-Length: 18446744073709551616\r\n\r\n",
		"CL and a bare CR":            "Content-Length: 0\rX: 1\r\n\r\n",
		"chunk size of a bare LF":     "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
		"chunk extension and bare LF": "Transfer-Encoding: chunked\r\n\r\n1;a=\nx\r\n0\r\n\r\n",
		"chunk data without CRLF":     "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
		"chunk data and bare LF":      "Transfer-Encoding: chunked\r\n\r\n1\r\nx\n0\r\n\r\n",
		"chunk size with a sign":      "Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n",
		"chunk size with 0x":          "Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n0\r\n\r\n",
		"chunk size with a space":     "Transfer-Encoding: chunked\r\n\r\n 1\r\nx\r\n0\r\n\r\n",
		"chunk size beyond 64 bits":   "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\nx\r\n0\r\n\r\n",
		"chunk size negative":         "Transfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
		"header line of a bare CR":    "X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
		"header name with NUL":        "Transfer\x00-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
		"chunk trailer without end":   "Transfer-Encoding: chunked\r\n\r\n0\r\nX\r\n\r\n",
		"first header is folded":      "",
	} {
		request := head + rest + inner
		if rest == "" {
			request = "POST /x HTTP/1.1\r\n Host: x\r\nContent-Length: 0\r\n\r\n" + inner
		}
		answers, closed := g.pipeline(t, request)
		if len(answers) != 1 || !closed {
			t.Errorf("%s: %d answers %v, connection closed: %t", what, len(answers), statuses(answers), closed)
			continue
		}
		if s := answers[0].status; s != 400 && s != 501 { // 501 is what RFC 9112 §6.1 names for an unknown transfer coding
			t.Errorf("%s: %d", what, s)
		}
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
}

// quiet is how long a connection has to be still to be taken for one that lives on.
const quiet = 5 * time.Second

// pipeline sends bytes over a connection and reads answers until the server closes it or has been quiet.
func (g *gateway) pipeline(t testing.TB, request string) (answers []answer, closed bool) {
	t.Helper()
	conn, err := net.Dial("tcp", g.Host())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { _, _ = io.WriteString(conn, request) }()
	r := bufio.NewReader(conn)
	method, _, _ := strings.Cut(request, " ")
	for {
		_ = conn.SetReadDeadline(time.Now().Add(quiet))
		if _, err := r.Peek(1); err != nil {
			var timeout net.Error
			return answers, !errors.As(err, &timeout) || !timeout.Timeout()
		}
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			return answers, true
		}
		if resp.StatusCode >= 200 {
			method = http.MethodGet // of whatever follows
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		answers = append(answers, answer{resp.StatusCode, resp.Header, text})
	}
}

func statuses(answers []answer) (out []int) {
	for _, a := range answers {
		out = append(out, a.status)
	}
	return out
}

// TestP18_LengthBesideChunks: RFC 9112 §6.1 lets a server take a message with both Content-Length and Transfer-Encoding by
// the latter, if the connection ends with the answer. That is what happens: net/http hides the Content-Length from every
// handler, so there is nothing left to refuse. The service gets one framing only.
func TestP18_LengthBesideChunks(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	u := g.newUser(t)
	for _, path := range []string{"/x", "/auth/healthz", "/auth/login"} {
		for _, framing := range []string{"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 49\r\n", "transfer-encoding: Chunked\r\n"} {
			before := g.up.requests.Load()
			answers, closed := g.pipeline(t, "POST "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+"\r\n"+framing+"\r\n0\r\n\r\n"+inner)
			if len(answers) != 1 || !closed {
				t.Errorf("%s, %q: answers %v, connection closed: %t", path, framing, statuses(answers), closed)
				continue
			}
			if path != "/x" {
				continue
			}
			e := answers[0].must(t, 200, "").echo(t)
			if len(e.all("Content-Length")) != 0 || len(e.all("Transfer-Encoding")) != 1 || e.Body != "" || g.up.requests.Load() != before+1 {
				t.Errorf("%q reached the upstream as %v", framing, e)
			}
		}
	}
	// A body of stated length stays what it was, and its connection goes on.
	answers, _ := g.pipeline(t, "POST /x HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(inner))+inner+
		"GET /next HTTP/1.1\r\nHost: "+g.Host()+"\r\nConnection: close\r\nAuthorization: Bearer "+u.access+"\r\n\r\n")
	if len(answers) != 2 {
		t.Fatalf("two requests on a link: %v", statuses(answers))
	}
	if first, second := answers[0].echo(t), answers[1].echo(t); first.Target != "/x" || first.Body != inner || second.Target != "/next" {
		t.Errorf("two requests on a link arrived as %v and %v", first, second)
	}
}

// TestP18_ZeroLength is 0.CL: a server that answers before it reads a body must not take the body for a request. Early
// answers are what the guard and the portal are made of.
func TestP18_ZeroLength(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	next := "GET /auth/.well-known/jwks.json HTTP/1.1\r\nHost: " + g.Host() + "\r\nConnection: close\r\n\r\n"
	before := g.up.requests.Load()
	for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS", "DELETE"} {
		for _, path := range []string{"/x", "/auth/healthz", "/auth/me", "/auth/nowhere"} {
			for _, expect := range []string{"", "Expect: 100-continue\r\n", "Expect: something-else\r\n"} {
				for _, body := range []string{fmt.Sprintf("Content-Length: %d\r\n\r\n", len(inner)) + inner, "Transfer-Encoding: chunked\r\n\r\n2b\r\n" + inner + "\r\n0\r\n\r\n"} {
					answers, closed := g.pipeline(t, method+" "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+expect+body+next)
					var final []answer
					for _, a := range answers {
						if a.status >= 200 {
							final = append(final, a)
						}
					}
					clean := len(final) == 1 || len(final) == 2 && strings.Contains(string(final[1].body), `"keys"`)
					if !clean || !closed {
						t.Errorf("%s %s %q: %v, connection closed: %t", method, path, expect, statuses(answers), closed)
					}
				}
			}
		}
	}
	if n := g.up.requests.Load(); n != before {
		t.Errorf("the upstream was asked %d times", n-before)
	}
}

// TestP18_GuardWithoutPortal: a guard alone on its site keeps the rules that a portal keeps elsewhere.
func TestP18_GuardWithoutPortal(t *testing.T) {
	t.Parallel()
	g := start(t, plan{site: strings.Replace(defaultSite, "\tgatehouse\n", "", 1), guard: "optional\n\t\tlogin_url http://localhost:9/auth/login"})
	for what, rest := range map[string]string{
		"chunk data without CRLF": "Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
		"chunk size with a sign":  "Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n0\r\n\r\n",
	} {
		answers, closed := g.pipeline(t, "POST /x HTTP/1.1\r\nHost: "+g.Host()+"\r\n"+rest+inner)
		if len(answers) != 1 || !closed || answers[0].status != 400 {
			t.Errorf("%s: answers %v, connection closed: %t", what, statuses(answers), closed)
		}
	}
	if n := g.up.requests.Load(); n != 0 {
		t.Errorf("the upstream was asked %d times", n)
	}
}
