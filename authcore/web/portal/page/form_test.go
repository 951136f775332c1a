package page

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const urlencoded = "application/x-www-form-urlencoded"

// A form has one encoding, one value for each field, and an end. What is in the address is no part of it.
func TestReadForm(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind, coding, body string
		want               authcore.Code // "" when it is read
	}{
		"plain":               {urlencoded, "", "a=1&b=2", ""},
		"with a charset":      {urlencoded + "; charset=utf-8", "", "a=1&b=2", ""},
		"identity":            {urlencoded, "Identity", "a=1&b=2", ""},
		"empty":               {urlencoded, "", "", ""},
		"as large as may be":  {urlencoded, "", "a=" + strings.Repeat("x", maxForm-2), ""},
		"larger":              {urlencoded, "", "a=" + strings.Repeat("x", maxForm-1), authcore.RequestTooLarge},
		"compressed":          {urlencoded, "gzip", "a=1", authcore.UnsupportedMediaType},
		"multipart":           {"multipart/form-data; boundary=x", "", "a=1", authcore.UnsupportedMediaType},
		"text":                {"text/plain", "", "a=1", authcore.UnsupportedMediaType},
		"JSON":                {"application/json", "", "{}", authcore.UnsupportedMediaType},
		"no type":             {"", "", "a=1", authcore.UnsupportedMediaType},
		"no type that can be": {urlencoded + "; a", "", "a=1", authcore.UnsupportedMediaType},
		"a field twice":       {urlencoded, "", "a=1&a=1", authcore.InvalidRequest},
		"a wrong escape":      {urlencoded, "", "a=%zz", authcore.InvalidRequest},
		"no UTF-8":            {urlencoded, "", "a=%ff", authcore.InvalidRequest},
		"separated as of old": {urlencoded, "", "a=1;b=2", authcore.InvalidRequest},
		"a half of a request": {urlencoded, "", "cut", authcore.InvalidRequest},
	} {
		r := httptest.NewRequest(http.MethodPost, "/auth/login?a=query", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.kind)
		if c.coding != "" {
			r.Header.Set("Content-Encoding", c.coding)
		}
		if c.body == "cut" {
			r.Body = cutBody{}
		}
		form, err := readForm(httptest.NewRecorder(), r)
		if c.want == "" && (err != nil || form.Get("a") == "query") || c.want != "" && authcore.CodeOf(err) != c.want {
			t.Errorf("%s: %v, %.20v; want %q", name, err, form, c.want)
		}
	}
	twice := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("a=1"))
	twice.Header["Content-Type"] = []string{urlencoded, "application/json"}
	if _, err := readForm(httptest.NewRecorder(), twice); authcore.CodeOf(err) != authcore.UnsupportedMediaType {
		t.Errorf("two types: %v", err)
	}
}

// cutBody is that of a client that hangs up.
type cutBody struct{}

func (cutBody) Read([]byte) (int, error) { return 0, http.ErrBodyNotAllowed }
func (cutBody) Close() error             { return nil }

// What a browser sends from a form is one, of whatever type; what a program sends with a wrong type is a call.
func TestIsForm(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind, origin, site string
		want               bool
	}{
		{urlencoded, "", "", true}, {urlencoded + "; charset=latin1", "", "", true}, {"APPLICATION/X-WWW-Form-urlencoded", "", "", true},
		{"text/plain", "", "", false}, {"text/plain", "null", "", true}, {"text/plain", "", "cross-site", true},
		{"multipart/form-data; boundary=x", "", "", false}, {"multipart/form-data; boundary=x", "https://evil.test", "", true},
		{"application/json", "https://evil.test", "cross-site", false}, {"", "https://evil.test", "", false},
		{urlencoded + strings.Repeat(" ", 300), "", "", false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		for name, value := range map[string]string{"Content-Type": c.kind, "Origin": c.origin, "Sec-Fetch-Site": c.site} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := IsForm(r); got != c.want {
			t.Errorf("%+v: %t", c, got)
		}
	}
}

func TestNewRoutes_Refuses(t *testing.T) {
	t.Parallel()
	show := func(*Request) error { return nil }
	if _, err := NewRoutes(Route{Path: "/a", Show: show}, Route{Path: "/a", Show: show}); err == nil {
		t.Error("two pages have one path")
	}
	if _, err := NewRoutes(Route{Path: "/a"}); err == nil {
		t.Error("a page shows nothing")
	}
}
