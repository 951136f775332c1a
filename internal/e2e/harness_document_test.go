package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/web/httpapi"
	"github.com/gatehouse-auth/gatehouse/internal/apicheck"
)

// apiDocument is what the answers of every gateway's API are held against.
var apiDocument = sync.OnceValues(func() (*apicheck.Document, error) {
	text, err := httpapi.Document("/auth")
	if err != nil {
		return nil, err
	}
	return apicheck.Load(text)
})

// described fails the test when the API's document does not say that there is such an answer. Forms and pages are not the
// API's, and neither is what comes from behind it or was sent in another shape than that of a call.
func described(t testing.TB, c call, a answer) {
	t.Helper()
	path, _, _ := strings.Cut(c.path, "?")
	path, err := url.PathUnescape(path)
	below, ours := strings.CutPrefix(path, "/auth")
	kind := a.header.Get("Content-Type")
	if err != nil || !ours || below != "" && below[0] != '/' || kind != "" && !strings.HasPrefix(kind, "application/") || a.header.Get("X-Echo") != "" {
		return
	}
	for name := range c.header {
		if strings.EqualFold(name, "Content-Type") && !strings.HasPrefix(c.header[name], "application/json") {
			return
		}
	}
	if kind == "" && a.status >= 300 || a.status < 200 { // a redirect of a page, or an upgrade
		return
	}
	e := apicheck.Exchange{Method: c.method, Path: below, Status: a.status, Header: a.header, Body: a.body}
	if e.Method == "" {
		e.Method = http.MethodGet
	}
	doc, err := apiDocument()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Check(e); err != nil {
		t.Error(err)
	}
}

// TestDocument: the gateway serves the document that every answer in these tests is held against.
func TestDocument(t *testing.T) {
	t.Parallel()
	g := shared(t)
	want, err := httpapi.Document("/auth")
	if err != nil {
		t.Fatal(err)
	}
	if got := g.api(t, http.MethodGet, "/openapi.json", nil).must(t, http.StatusOK, ""); string(got.body) != string(want) {
		t.Error("another document is served")
	}
	docs := g.do(t, call{path: "/auth/docs", header: page}).must(t, http.StatusOK, "")
	for _, origin := range []string{"null", "https://evil.example"} {
		for _, path := range []string{"/auth/docs", "/auth/openapi.json"} {
			got := g.do(t, call{path: path, header: map[string]string{"Origin": origin, "Accept": "text/html"}})
			if got.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%s lets %s read it", path, origin)
			}
		}
	}
	if csp := docs.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("policy of the page: %q", csp)
	}
}
