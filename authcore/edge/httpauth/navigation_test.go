package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// What gets a page and what gets a problem body (contract §3.3).
func TestNavigations(t *testing.T) {
	t.Parallel()
	const browser = "text/html,application/xhtml+xml,*/*;q=0.8"
	type headers = map[string]string
	for _, c := range []struct {
		what, method string
		header       headers
		goes, form   bool
	}{
		{"a link", "GET", headers{"Accept": browser}, true, false},
		{"a link of a browser that says so", "GET", headers{"Accept": browser, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, true, false},
		{"HEAD", "HEAD", headers{"Accept": browser}, true, false},
		{"a frame", "GET", headers{"Accept": browser, "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}, true, false},
		{"a page fetched ahead", "GET", headers{"Accept": browser, "Sec-Fetch-Mode": "navigate", "Sec-Purpose": "prefetch;prerender"}, true, false},
		{"a resource fetched ahead", "GET", headers{"Accept": "*/*", "Sec-Fetch-Mode": "no-cors", "Sec-Purpose": "prefetch"}, false, false},
		{"fetch", "GET", headers{"Accept": "text/html", "Sec-Fetch-Mode": "cors"}, false, false},
		{"fetch of the same origin", "GET", headers{"Accept": "text/html", "Sec-Fetch-Mode": "same-origin"}, false, false},
		{"fetch without CORS", "GET", headers{"Accept": "text/html", "Sec-Fetch-Mode": "no-cors"}, false, false},
		{"htmx", "GET", headers{"Accept": "text/html, */*", "HX-Request": "true", "Sec-Fetch-Mode": "cors"}, false, false},
		{"Turbo", "POST", headers{"Accept": "text/vnd.turbo-stream.html, text/html", "Sec-Fetch-Mode": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, false, false},
		{"jQuery", "GET", headers{"Accept": "text/html, */*; q=0.01", "X-Requested-With": "XMLHttpRequest"}, false, false},
		{"an app's web view", "GET", headers{"Accept": browser, "X-Requested-With": "com.example.app", "Sec-Fetch-Mode": "navigate"}, false, false},
		{"a mode in capitals", "GET", headers{"Accept": browser, "Sec-Fetch-Mode": "Navigate"}, false, false},
		{"curl", "GET", headers{"Accept": "*/*"}, false, false},
		{"an API", "GET", headers{"Accept": "application/json"}, false, false},
		{"a form", "POST", headers{"Accept": browser, "Content-Type": "application/x-www-form-urlencoded"}, false, true},
		{"a form with a file", "POST", headers{"Accept": browser, "Content-Type": "multipart/form-data; boundary=x", "Sec-Fetch-Mode": "navigate"}, false, true},
		{"a form of text", "POST", headers{"Accept": browser, "Content-Type": "Text/Plain"}, false, true},
		{"a form of nothing", "POST", headers{"Accept": browser}, false, true},
		{"a form sent by script", "POST", headers{"Accept": browser, "Content-Type": "application/x-www-form-urlencoded", "Sec-Fetch-Mode": "cors"}, false, false},
		{"a form sent by jQuery", "POST", headers{"Accept": browser, "Content-Type": "application/x-www-form-urlencoded", "X-Requested-With": "XMLHttpRequest"}, false, false},
		{"JSON", "POST", headers{"Accept": browser, "Content-Type": "application/json"}, false, false},
		{"PUT", "PUT", headers{"Accept": browser, "Content-Type": "application/x-www-form-urlencoded"}, false, false},
		{"a program's form", "POST", headers{"Accept": "*/*", "Content-Type": "application/x-www-form-urlencoded"}, false, false},
	} {
		r := &http.Request{Method: c.method, Header: http.Header{}}
		for name, value := range c.header {
			r.Header.Set(name, value)
		}
		if goes, form := httpauth.Navigates(r), httpauth.SubmitsForm(r); goes != c.goes || form != c.form {
			t.Errorf("%s: navigates %v, sends a form %v; want %v and %v", c.what, goes, form, c.goes, c.form)
		}
	}
}

func TestWantsHTML(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/html": true, "TEXT/HTML;q=0.5": true, "text/html;q=0": false, "text/html; q=0.0": false,
		"application/json, text/html;q=0.1": true, "text/*": false, "application/json": false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := httpauth.WantsHTML(r); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
