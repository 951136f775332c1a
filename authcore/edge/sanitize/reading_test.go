package sanitize

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// TestP14_HostReadings: a host that somebody may take for another one is guarded, and no other.
func TestP14_HostReadings(t *testing.T) {
	for _, plain := range []string{"admin.example.com", "ADMIN.example.com", "admin.example.com:8080", "localhost", "a_b.test", "127.0.0.1", "127.0.0.1:80",
		"[::1]", "[::1]:443", "[2001:db8::1]:1", "", "xn--bcher-kva.example", "XN--BCHER-KVA.EXAMPLE:80", "4thfloor.test", "node.4thfloor", "x--y.test"} {
		if ambiguousHost(&http.Request{Host: plain}) {
			t.Errorf("%q has one reading", plain)
		}
	}
	for _, odd := range []string{"admin.example.com.", "admin.example.com..", "admin.example.com.:80", ".admin.example.com", "admin..example.com", ".", "..",
		"admin%2eexample.com", "admin.example.com%00", "admin.example.com%2e", "%61dmin.example.com", "admin.example.com%20", "admin.example.com ",
		" admin.example.com", "admin.example.com\t", "admin.example.com\x00", "admin.example.com@evil.test", "evil.test@admin.example.com", "u:p@admin.example.com",
		"admin.example.com,evil.test", "admin.example.com/", "admin.example.com/x", "admin.example.com\\", "admin.example.com#", "admin.example.com?x", "admin.example.com;x",
		"admin.example.com:", "admin.example.com:x", "admin.example.com:80:80", "admin.example.com:80.", "admin.example.com:+80", "admin.example.com: 80", ":80", ":",
		"admin\u3002example.com", "\uff41dmin.example.com", "b\u00fccher.example", "adm\u00adin.example.com", "xn--admin-", "xn--admin-.example.com", "xn--a.example.com",
		"127.1", "2130706433", "0x7f.0.0.1", "127.0.0.01", "0177.0.0.1", "127.0.0.1.", "1.2.3.4.5", "[::1", "[::1]x", "[0:0::1]", "[::ffff:127.0.0.1]x", "[fe80::1%25eth0]", "[]", "::1"} {
		if !ambiguousHost(&http.Request{Host: odd}) {
			t.Errorf("%q is taken for the plain name of a host", odd)
		}
	}
	if !ambiguousHost(&http.Request{Host: "public.test", Header: http.Header{"Host": {"admin.test"}}}) {
		t.Error("a host field beside another :authority")
	}
}

// TestP16_MethodReadings: what FastCGI programs and frameworks take for another method is guarded.
func TestP16_MethodReadings(t *testing.T) {
	for _, plain := range []string{"GET", "POST", "PROPFIND", "M-SEARCH", "VERSION-CONTROL"} {
		if Ambiguous(&http.Request{Method: plain, Host: "a.test", URL: &url.URL{Path: "/"}}) {
			t.Errorf("%s has one reading", plain)
		}
	}
	for _, odd := range []string{"post", "pOST", "Delete", "POSt", "m-search"} {
		if !Ambiguous(&http.Request{Method: odd, Host: "a.test", URL: &url.URL{Path: "/"}}) {
			t.Errorf("%s is taken for a method of its own", odd)
		}
	}
	for name, value := range map[string]string{"X-Http-Method-Override": "DELETE", "X_http_method_override": "DELETE", "X-Http-Method": "PUT", "X-Method-Override": "get, post",
		"X-Original-Url": "/admin", "X_rewrite_url": "/admin", "Script_name": "/public", "Path_info": "/admin", "X-Script-Name": "/x", "Destination": "http://a.test/admin/x"} {
		if !Ambiguous(&http.Request{Method: "GET", Host: "a.test", URL: &url.URL{Path: "/x"}, Header: http.Header{name: {value}}}) {
			t.Errorf("%s: %s is another reading", name, value)
		}
	}
	same := http.Header{"X-Http-Method-Override": {"get"}, "X-Original-Url": {"/x?a=1"}}
	if Ambiguous(&http.Request{Method: "GET", Host: "a.test", URL: &url.URL{Path: "/x", RawQuery: "a=1"}, Header: same}) {
		t.Error("headers that say the same are no other reading")
	}
}

// TestP16_ExtendedConnect: of the tunnels only those for WebSockets are passed on.
func TestP16_ExtendedConnect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		proto  string
		major  int
		header http.Header
		passes bool
	}{
		{"HTTP/1.1", 1, nil, false},
		{"HTTP/2.0", 2, nil, false},
		{"HTTP/3.0", 3, nil, false},
		{"websocket", 3, nil, true},
		{"connect-udp", 3, nil, false},
		{"HTTP/2.0", 2, http.Header{":protocol": {"websocket"}}, true},
		{"HTTP/2.0", 2, http.Header{":protocol": {"WebSocket"}}, false}, // the proxy compares letter by letter
		{"HTTP/2.0", 2, http.Header{":protocol": {"connect-udp"}}, false},
		{"HTTP/2.0", 2, http.Header{":protocol": {"websocket", "connect-udp"}}, false},
		{"HTTP/3.0", 3, http.Header{":protocol": {"websocket"}}, false},
	} {
		r := &http.Request{Method: http.MethodConnect, Proto: c.proto, ProtoMajor: c.major, Header: c.header, URL: httptest.NewRequest("GET", "/x", nil).URL}
		if err := CheckTarget(httptest.NewRecorder(), r); (err == nil) != c.passes {
			t.Errorf("%s %v: %v", c.proto, c.header, err)
		}
	}
}

// FuzzAmbiguousPath: a path that is not called ambiguous is the same path to a server that decodes it once more, cuts
// path parameters, takes backslashes for slashes, or cleans it (P11).
func FuzzAmbiguousPath(f *testing.F) {
	for raw, ambiguous := range map[string]bool{
		"/": false, "/a/b": false, "/a/": false, "/a%20b": false, "/%C3%BC": false, "/a.b/..c/.d": false, "/.well-known/x": false,
		"/~user/x": false, "/wiki/C++": false, "/Special:Pages": false, "/index.php": false, "/a.phpx/b": false, "/v1.2/users": false,
		"/kapı": false, "/日本語": false, "/%D9%85%DB%8C%E2%80%8C%D8%AE": false, "/é": false, "/a%7Eb": false, "/a%40b": false, "/README": false,
		"/admin%20": true, "/public/..%20/admin": true, "/%20admin": true, "/admin.": true, "/admin./x": true, "/...": true, "/admin%09": true,
		"/admin%C2%A0": true, "/admin%E3%80%80": true, "/admin%C2%85": true, "/%EF%BB%BFadmin": true, "/adm%C2%ADin": true, "/a%E2%80%8Bb": true,
		"/a%EF%BC%8Fb": true, "/a/%EF%BC%8E%EF%BC%8E/b": true, "/a%E2%88%95b": true, "/a%C2%A5b": true, "/%EF%BD%81dmin": true, "/\u212aey": true,
		"/adm\u0130n": true, "/e\u0301": true, "/m\u00b2": true,
		"/%61dmin": true, "/%41": true, "/index.php/admin": true, "/x.PHP/": true, "/cgi-bin/x.fcgi/admin": true, "/x.tcl/admin": true, "/x.sh/a": true, "/x.hcgi/a": true, "/a.phtml/b": true,
		"/admin::$DATA": true, "/admin:$i30:$INDEX_ALLOCATION/x": true, "/ADMINI~1": true, "/ADMINI~1/x": true,
		"//a": true, "/a//b": true, "/a/./b": true, "/a/../b": true, "/a/..": true, "/a;x/b": true, `/a\b`: true, "/a%5Cb": true, "/a%2Fb": true,
		"/a/%2e%2e/b": true, "/%2E/b": true, "/a%252Fb": true, "/a%00b": true, "/a%3Bb": true, "/a%3Fb": true, "/%c0%af": true, "/%ff": true,
	} {
		u, err := url.ParseRequestURI(raw)
		if err != nil {
			f.Fatal(err)
		}
		if got := ambiguousPath(&http.Request{URL: u}); got != ambiguous {
			f.Fatalf("%q: ambiguous is %v", raw, got)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := url.ParseRequestURI(raw)
		if err != nil || u.Host != "" || !strings.HasPrefix(u.Path, "/") || ambiguousPath(&http.Request{URL: u}) {
			return
		}
		twice, err := url.PathUnescape(u.Path)
		readings := map[string]string{
			"decodes again":     twice,
			"cuts parameters":   withoutParameters(u.Path),
			"knows backslashes": strings.ReplaceAll(u.Path, `\`, "/"),
			"cleans":            cleaned(u.Path),
			"trims":             trimmed(u.Path, " \t."),
			"trims Unicode":     strings.TrimSpace(u.Path),
			"folds Unicode":     foldedToASCII(u.Path),
			"finds scripts":     scriptless(u.Path),
			"keeps %2f":         strings.NewReplacer("%2f", "/", "%2F", "/").Replace(u.EscapedPath()),
		}
		if decoded, err := url.PathUnescape(readings["keeps %2f"]); err == nil {
			readings["keeps %2f"] = decoded
		}
		if err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		for server, reading := range readings {
			if reading != u.Path {
				t.Fatalf("%q is %q to us and %q to a server that %s", raw, u.Path, reading, server)
			}
		}
	})
}

// trimmed cuts characters off both ends of every segment, but for dots at its beginning.
func trimmed(p, cut string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i] = strings.TrimLeft(strings.TrimRight(s, cut), strings.ReplaceAll(cut, ".", ""))
	}
	return strings.Join(segments, "/")
}

// foldedToASCII writes every character whose compatible form is ASCII in that form.
func foldedToASCII(p string) string {
	var b strings.Builder
	for _, r := range p {
		if k := norm.NFKC.String(string(r)); strings.IndexFunc(k, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
			b.WriteString(k)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// scriptless is PATH_INFO where a segment is the name of a PHP script, else the path.
func scriptless(p string) string {
	if i := strings.Index(strings.ToLower(p), ".php/"); i >= 0 {
		return p[i+4:]
	}
	return p
}

func withoutParameters(p string) string {
	segments := strings.Split(p, "/")
	for i, s := range segments {
		segments[i], _, _ = strings.Cut(s, ";")
	}
	return strings.Join(segments, "/")
}

func cleaned(p string) string {
	c := path.Clean(p)
	if strings.HasSuffix(p, "/") && c != "/" {
		c += "/"
	}
	return c
}
