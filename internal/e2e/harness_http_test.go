package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// call is one request. body is JSON, unless it is a string or []byte.
type call struct {
	method, path string
	body         any
	bearer       string
	cookies      map[string]string
	header       map[string]string
	host         string       // Host header, if another than where it goes
	base         string       // scheme://host:port, if another than the first port
	client       *http.Client // if another than the gateway's
}

// answer is a response that has been read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// page is what browsers send when a person navigates.
var page = map[string]string{"Accept": "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"}

// try performs a call; the error is the connection's.
func (g *gateway) try(c call) (answer, error) {
	var body io.Reader
	kind := ""
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			return answer{}, err
		}
		body, kind = bytes.NewReader(text), "application/json"
	}
	base := c.base
	if base == "" {
		base = "http://" + g.Host()
	}
	if c.method == "" {
		c.method = http.MethodGet
	}
	req, err := http.NewRequest(c.method, base+c.path, body)
	if err != nil {
		return answer{}, err
	}
	req.Host = c.host
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	for name, value := range c.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for name, value := range c.header {
		req.Header.Set(name, value)
	}
	client := c.client
	if client == nil {
		client = g.client
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}, err
}

// do performs a call that has to be answered. A GET whose connection ends before an answer is sent again, as browsers do:
// at a reload an idle connection may be closed while a request is on its way.
func (g *gateway) do(t testing.TB, c call) answer {
	t.Helper()
	a, err := g.try(c)
	for tries := 0; err != nil && (c.method == "" || c.method == http.MethodGet) && c.body == nil && tries < 3; tries++ {
		a, err = g.try(c)
	}
	if err != nil {
		t.Fatalf("%s %s: %v", c.method, c.path, err)
	}
	if !g.undocumented {
		described(t, c, a)
	}
	return a
}

// api is a JSON call under /auth: api(t, "POST", "/login", map…, more…).
func (g *gateway) api(t testing.TB, method, path string, body any, more ...call) answer {
	t.Helper()
	c := call{}
	if len(more) > 0 {
		c = more[0]
	}
	c.method, c.path, c.body = method, "/auth"+path, body
	return g.do(t, c)
}

// json returns the body as an object.
func (a answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("the answer (%d) is no JSON object: %v: %.200s", a.status, err, a.body)
	}
	return v
}

// text returns a member of the JSON body; "" when it is not there or no text.
func (a answer) text(name string) string {
	var v map[string]any
	_ = json.Unmarshal(a.body, &v)
	s, _ := v[name].(string)
	return s
}

// code is the problem's code, "" when the answer is no problem.
func (a answer) code() string {
	if !strings.HasPrefix(a.header.Get("Content-Type"), "application/problem+json") {
		return ""
	}
	return a.text("code")
}

// want fails the test unless status and code are these.
func (a answer) want(t testing.TB, status int, code string) answer {
	t.Helper()
	if a.status != status || a.code() != code {
		t.Errorf("answered %d %q, expected %d %q: %.300s", a.status, a.code(), status, code, a.body)
	}
	return a
}

// must is want that ends the test.
func (a answer) must(t testing.TB, status int, code string) answer {
	t.Helper()
	if a.want(t, status, code); a.status != status {
		t.FailNow()
	}
	return a
}

// setCookies returns the cookies that the answer sets, by name. Two of one name fail the test.
func (a answer) setCookies(t testing.TB) map[string]*http.Cookie {
	t.Helper()
	out := map[string]*http.Cookie{}
	for _, line := range a.header.Values("Set-Cookie") {
		c, err := http.ParseSetCookie(line)
		if err != nil {
			t.Fatalf("Set-Cookie %q: %v", line, err)
		}
		if out[c.Name] != nil {
			t.Errorf("the cookie %s is set twice", c.Name)
		}
		out[c.Name] = c
	}
	return out
}

// echo reads the upstream's answer; one that is not the upstream's ends the test.
func (a answer) echo(t testing.TB) *echo {
	t.Helper()
	var e echo
	if upgraded := a.header.Get("X-Echo"); upgraded != "" {
		a.body = []byte(upgraded)
	}
	if err := json.Unmarshal(a.body, &e); err != nil || e.Method == "" {
		t.Fatalf("not the upstream's answer: %d %.300s", a.status, a.body)
	}
	return &e
}

// raw sends bytes over a connection of their own and reads one answer. An empty answer means that the connection was
// closed without one.
func (g *gateway) raw(t testing.TB, request string) answer {
	t.Helper()
	return g.rawTo(t, g.Host(), request)
}

// rawTo is raw to another of the gateway's addresses.
func (g *gateway) rawTo(t testing.TB, addr, request string) answer {
	t.Helper()
	return g.rawWithin(t, 30*time.Second, addr, request)
}

// rawWithin is rawTo for requests to which no answer may come.
func (g *gateway) rawWithin(t testing.TB, limit time.Duration, addr, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(limit))
	go func() { _, _ = io.WriteString(conn, request) }()
	method, _, _ := strings.Cut(request, " ")
	return readAnswer(bufio.NewReader(conn), method)
}

func readAnswer(r *bufio.Reader, method string) answer {
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		return answer{}
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return answer{status: resp.StatusCode, header: resp.Header}
	}
	text, _ := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, text}
}
