package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes spans as an OpenTelemetry collector does (OTLP over HTTP).
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	spans  []*tracev1.Span // of everybody
	ours   []*tracev1.Span // of Gatehouse's scope
	faults []string
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(r.take))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) take(w http.ResponseWriter, in *http.Request) {
	var body io.Reader = in.Body
	if in.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(in.Body)
		if err != nil {
			r.fault(err)
			return
		}
		body = unpacked
	}
	text, err := io.ReadAll(body)
	var sent collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(text, &sent)
	}
	if err != nil || in.URL.Path != "/v1/traces" {
		r.fault(err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			r.spans = append(r.spans, scope.Spans...)
			if scope.Scope.Name == "github.com/gatehouse-auth/gatehouse" {
				r.ours = append(r.ours, scope.Spans...)
			}
		}
	}
}

func (r *receiver) fault(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.faults = append(r.faults, err.Error())
	}
}

// of returns the spans of ours that belong to one trace, by name; done is false until the request's own span has come,
// which is the last to end.
func (r *receiver) of(trace string) (named map[string]*tracev1.Span, root *tracev1.Span, done bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	named = map[string]*tracev1.Span{}
	for _, s := range r.spans {
		if hex.EncodeToString(s.TraceId) == trace && s.Name == "request" {
			root = s
		}
	}
	for _, s := range r.ours {
		if hex.EncodeToString(s.TraceId) == trace {
			named[s.Name] = s
		}
	}
	return named, root, root != nil
}

// TestTracing_Spans: where Caddy traces a request, what takes time in it has spans, each with its outcome and nothing
// else; a guarded request that memory answers has none.
func TestTracing_Spans(t *testing.T) {
	t.Parallel()
	r := newReceiver(t)
	g := start(t, plan{env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + r.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50"},
		site: strings.Replace(defaultSite, "\tgatehouse\n", "\ttracing {\n\t\tspan request\n\t}\n\tgatehouse\n", 1)})
	u := g.newBrowser(t)
	number := 0
	// traced performs a call as a part of a trace, and returns the spans that it left.
	traced := func(c call, status int, code string) map[string]*tracev1.Span {
		t.Helper()
		number++
		trace := strings.Repeat("0", 31) + string(rune('0'+number))
		if c.header == nil {
			c.header = map[string]string{}
		}
		c.header["Traceparent"] = "00-" + trace + "-00000000000000aa-01"
		a := g.do(t, c).want(t, status, code)
		u.takeCookies(t, a)
		var named map[string]*tracev1.Span
		eventually(t, "the request's span has come", func() (done bool) {
			named, _, done = r.of(trace)
			return done
		})
		_, root, _ := r.of(trace)
		for name, s := range named {
			if len(s.Attributes) != 1 || s.Attributes[0].Key != "gatehouse.outcome" || len(s.Events) != 0 || s.Status.GetMessage() != "" {
				t.Errorf("%s tells more than its outcome: %v", name, s)
			}
			if s.StartTimeUnixNano < root.StartTimeUnixNano || s.EndTimeUnixNano > root.EndTimeUnixNano || slices.Equal(s.ParentSpanId, make([]byte, 8)) {
				t.Errorf("%s is not a part of its request", name)
			}
		}
		return named
	}
	within := func(named map[string]*tracev1.Span, child, parent, outcome string) {
		t.Helper()
		c, p := named[child], named[parent]
		if c == nil || p == nil || !slices.Equal(c.ParentSpanId, p.SpanId) {
			t.Fatalf("there is no span %q within one %q: %v", child, parent, named)
		}
		if got := c.Attributes[0].Value.GetStringValue(); got != outcome {
			t.Errorf("the outcome of %q is %q, want %q", child, got, outcome)
		}
	}

	wrong := traced(call{method: "POST", path: "/auth/login", body: map[string]any{"login": u.email, "password": "not this one 77"}}, 401, "invalid_credentials")
	within(wrong, "wait for a password hash", "sign in", "success")
	within(wrong, "find account by identifier", "sign in", "success")
	if got := wrong["sign in"].Attributes[0].Value.GetStringValue(); got != "invalid_credentials" {
		t.Errorf("the outcome of a sign-in with a wrong password is %q", got)
	}
	right := traced(call{method: "POST", path: "/auth/login", body: map[string]any{"login": u.email, "password": u.password, "cookies": true}}, 200, "")
	within(right, "open session", "sign in", "success")

	if spans := traced(call{path: "/x", cookies: u.cookies}, 200, ""); len(spans) != 0 {
		t.Errorf("a guarded request that memory answers has spans: %v", spans)
	}
	delete(u.cookies, "gatehouse")
	renewed := traced(call{path: "/x", cookies: u.cookies, header: maps.Clone(page)}, 200, "")
	within(renewed, "refresh", "renewal", "success")
	within(renewed, "rotate refresh token", "refresh", "success")
	if u.cookies["gatehouse"] == "" {
		t.Error("the browser was not renewed")
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.faults) > 0 {
		t.Errorf("the receiver: %v", r.faults)
	}
	for _, s := range r.ours {
		text := s.String()
		for _, private := range []string{u.email, u.username, u.id, u.sid, "127.0.0.1", "password 7"} {
			if private != "" && strings.Contains(text, private) {
				t.Errorf("a span tells of whom it is: %s", text)
			}
		}
	}
}
