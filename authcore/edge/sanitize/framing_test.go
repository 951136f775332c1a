package sanitize_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// What net/http makes of a content-length that is no number over HTTP/2 must not go on (P18).
func TestP18_CheckFormLength(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		major  int
		length []string
		body   string
		good   bool
	}{
		{"none", 2, nil, "", true}, {"a number", 2, []string{"3"}, "abc", true}, {"zero and nothing", 2, []string{"0"}, "", true},
		{"zero and a body", 2, []string{"0"}, "x", false}, {"a sign", 2, []string{"+3"}, "abc", false}, {"hexadecimal", 3, []string{"0x3"}, "abc", false},
		{"empty", 2, []string{""}, "", false}, {"a list", 2, []string{"3, 3"}, "abc", false}, {"twice", 2, []string{"3", "3"}, "abc", false},
		{"over HTTP/1 net/http judges", 1, []string{"+3"}, "abc", true},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", io.NopCloser(strings.NewReader(c.body)))
		r.ProtoMajor, r.ContentLength = c.major, 0
		if c.length != nil {
			r.Header["Content-Length"] = c.length
			if c.length[0] == "3" {
				r.ContentLength = 3
			}
		}
		err := sanitize.CheckForm(httptest.NewRecorder(), r, false)
		if (err == nil) != c.good || err != nil && authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A header that no service would read is refused; where cookies are too many the browser is told to forget them, and the portal
// lets a person sign in all the same.
func TestCheckForm_LargeHeaders(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a=b; ", 1001) + strings.Repeat("x", 20<<10)
	for _, c := range []struct {
		name, method, header, value string
		ours, good, forgets         bool
	}{
		{name: "small", method: "GET", header: "X-Text", value: strings.Repeat("x", 19<<10), good: true},
		{name: "large", method: "GET", header: "X-Text", value: strings.Repeat("x", 20<<10)},
		{name: "large for the portal", method: "GET", header: "X-Text", value: strings.Repeat("x", 20<<10), ours: true},
		{name: "cookies", method: "GET", header: "Cookie", value: "a=" + strings.Repeat("x", 20<<10), forgets: true},
		{name: "cookies of a form", method: "POST", header: "Cookie", value: "a=" + strings.Repeat("x", 20<<10)},
		{name: "cookies for the portal", method: "GET", header: "Cookie", value: "a=" + strings.Repeat("x", 20<<10), ours: true, good: true, forgets: true},
		{name: "more cookies than browsers keep", method: "GET", header: "Cookie", value: many, ours: true, forgets: true},
	} {
		r, w := httptest.NewRequest(c.method, "/", nil), httptest.NewRecorder()
		r.Header.Set(c.header, c.value)
		err := sanitize.CheckForm(w, r, c.ours)
		if (err == nil) != c.good || err != nil && authcore.CodeOf(err) != authcore.HeadersTooLarge {
			t.Errorf("%s: %v", c.name, err)
		}
		if forgets := w.Header().Get("Clear-Site-Data") != ""; forgets != c.forgets {
			t.Errorf("%s: the browser is told to forget cookies: %v", c.name, forgets)
		}
	}
}
