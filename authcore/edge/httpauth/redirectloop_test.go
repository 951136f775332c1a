package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// A browser that a guard refuses twice after it was sent on signed in is in a loop; other pages, later times and arrivals alone are
// none.
func TestRedirectLoop(t *testing.T) {
	t.Parallel()
	const page, other = "https://app.example.com/a?x=1", "https://app.example.com/b"
	jar, now, kept := httpauth.NewJar("", true), time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC), ""
	visit := func(do func(h http.Header, r *http.Request)) {
		r, h := httptest.NewRequest(http.MethodGet, page, nil), http.Header{}
		if kept != "" {
			r.Header.Set("Cookie", kept)
		}
		do(h, r)
		for _, c := range (&http.Response{Header: h}).Cookies() {
			kept = c.Name + "=" + c.Value
		}
	}
	sendOn := func() { visit(func(h http.Header, r *http.Request) { httpauth.NoteRedirect(h, r, jar, now, page) }) }
	refuse := func(at string) {
		visit(func(h http.Header, r *http.Request) { httpauth.NoteRefusal(h, r, jar, now, at) })
	}
	loop := func(at string) (found bool) {
		visit(func(_ http.Header, r *http.Request) { found = httpauth.IsRedirectLoop(r, jar, now, at) })
		return found
	}
	refuse(page)
	refuse(page)
	if kept != "" || loop(page) {
		t.Error("refusals of somebody who was never sent on count")
	}
	sendOn()
	refuse(page)
	refuse(page) // a second tab
	if loop(page) {
		t.Error("one turn is a loop")
	}
	sendOn()
	refuse("https://app.example.com/a?x=2") // some services change the query at each turn
	if !loop(page) || loop(other) {
		t.Error("two turns are no loop, or are one at another page")
	}
	now = now.Add(httpauth.LoopCookieLife + time.Second)
	if loop(page) {
		t.Error("the loop outlives its time")
	}
}
