package httpauth_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

func TestB01_CookieFlags(t *testing.T) {
	t.Parallel()
	tokens := session.Tokens{Access: "a.b.c", Refresh: "ghr_x", ExpiresIn: 5 * time.Minute, RefreshExpiresIn: 720 * time.Hour}
	for https, want := range map[bool][]string{
		true: {
			"__Host-gatehouse=a.b.c; Path=/; Max-Age=300; HttpOnly; Secure; SameSite=Lax",
			"__Host-gatehouse_refresh=ghr_x; Path=/; Max-Age=2592000; HttpOnly; Secure; SameSite=Lax",
			"__Host-gatehouse=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
			"__Host-gatehouse_refresh=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax",
		},
		false: {
			"gatehouse=a.b.c; Path=/; Max-Age=300; HttpOnly; SameSite=Lax",
			"gatehouse_refresh=ghr_x; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax",
			"gatehouse=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
			"gatehouse_refresh=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
		},
	} {
		set, cleared, jar := http.Header{}, http.Header{}, httpauth.NewJar("", https)
		if err := jar.SetSession(set, tokens); err != nil {
			t.Fatal(err)
		}
		jar.ClearSession(cleared)
		if got := append(set["Set-Cookie"], cleared["Set-Cookie"]...); !slices.Equal(got, want) {
			t.Errorf("https %v:\n got %q\nwant %q", https, got, want)
		}
	}
}

func TestB01_SetTwiceIsSentOnce(t *testing.T) {
	t.Parallel()
	h := http.Header{"Set-Cookie": {"other=1; Path=/"}}
	jar := httpauth.NewJar("", true)
	jar.ClearSession(h)
	if err := jar.SetSession(h, session.Tokens{Access: "a", Refresh: "b"}); err != nil {
		t.Fatal(err)
	}
	if got := h["Set-Cookie"]; len(got) != 3 || got[0] != "other=1; Path=/" || !strings.HasPrefix(got[1], "__Host-gatehouse=a;") {
		t.Errorf("got %q", got)
	}
}

func TestB01_TooLargeForABrowser(t *testing.T) {
	t.Parallel()
	err := httpauth.NewJar("", true).SetSession(http.Header{}, session.Tokens{Access: strings.Repeat("value.", 682)})
	if err == nil || strings.Contains(err.Error(), "value.") {
		t.Errorf("got %v, want an error without the value", err)
	}
}

func noToken(string) bool { return false }

func withCookies(lines ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header["Cookie"] = lines
	return r
}

func TestB02_Tossing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{nil, ""},
		{[]string{"__Host-gatehouse=a"}, "a"},
		{[]string{"x=1; __Host-gatehouse=a; y=2"}, "a"},
		{[]string{"x=1", " __Host-gatehouse = a ", "y"}, "a"},
		{[]string{"__Host-gatehouse=a=b=="}, "a=b=="},
		{[]string{"__Host-gatehouse=a; __Host-gatehouse=b"}, ""},
		{[]string{"__Host-gatehouse=a; __Host-gatehouse=a"}, ""},
		{[]string{"__Host-gatehouse=a", "__Host-gatehouse=b"}, ""},
		{[]string{"__Host-gatehouse=; __Host-gatehouse=b"}, ""},
		{[]string{"__Host-gatehouse=b; __Host-gatehouse"}, ""},
		{[]string{"gatehouse=a"}, ""},
		{[]string{"__host-gatehouse=a"}, ""},
		{[]string{"gatehouse=planted; __Host-gatehouse=a"}, "a"},
		{[]string{"__Host-gatehouse_refresh=a"}, ""},
		{[]string{`x="; __Host-gatehouse=a`}, "a"},
	} {
		if got := httpauth.ReadCookie(withCookies(c.lines...), "__Host-gatehouse"); got != c.want {
			t.Errorf("%q: got %q, want %q", c.lines, got, c.want)
		}
	}
	if got := httpauth.ReadCookie(withCookies("__Host-gatehouse=a"), "gatehouse"); got != "" {
		t.Errorf("http read the https cookie: %q", got)
	}
}

func TestJar_Strip(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{"a=1; b=2"}, []string{"a=1; b=2"}},
		{[]string{"gatehousekeeper=1"}, []string{"gatehousekeeper=1"}},
		{[]string{"gatehouse=1"}, nil},
		{[]string{"gatehouse=1; a=2"}, []string{"a=2"}},
		{[]string{"a=1; __Host-gatehouse=x; b=2"}, []string{"a=1; b=2"}},
		{[]string{"a=1;  b = \"2\" ;__Host-gatehouse_refresh=x;c"}, []string{"a=1;  b = \"2\" ;c"}},
		{[]string{"gatehouse=1; gatehouse=2; gatehouse_refresh=3; gatehouse_registration=4; __Host-gatehouse_registration=5"}, nil},
		{[]string{"a=1", "gatehouse=2", "b=3; gatehouse_refresh"}, []string{"a=1", "b=3"}},
		{[]string{"gatehouse =1;\tgatehouse=2; a=gatehouse=3"}, []string{"a=gatehouse=3"}},
	} {
		h := http.Header{"X": {"y"}}
		if c.in != nil {
			h["Cookie"] = slices.Clone(c.in)
		}
		before := h["Cookie"]
		httpauth.NewJar("", true).Strip(h, noToken)
		if !slices.Equal(h["Cookie"], c.want) {
			t.Errorf("%q: got %q, want %q", c.in, h["Cookie"], c.want)
		}
		if !slices.Equal(before, c.in) {
			t.Errorf("%q: the former slice was written into: %q", c.in, before)
		}
	}
}

// TestP22_TokensUnderOtherNames: a cookie whose value holds a token of ours is never forwarded, whatever stands around it.
func TestP22_TokensUnderOtherNames(t *testing.T) {
	t.Parallel()
	const token, jwt = "ghr_0123456789abcdefghijkl", "eyJhbGciOiJF.payload.signature"
	owns := func(text string) bool { return text == token || text == jwt }
	for _, value := range []string{token, `"` + token + `"`, "'" + jwt + "'", "[" + jwt + "]", "Bearer " + jwt, "1, gatehouse=" + jwt,
		"s%3A" + token, "%22" + token + "%22", strings.ReplaceAll(jwt, ".", "%2E"), "a:" + token + ":b"} {
		h := http.Header{"Cookie": {"a=1; foo=" + value + "; b=2"}}
		httpauth.NewJar("", true).Strip(h, owns)
		if got := h.Get("Cookie"); got != "a=1; b=2" {
			t.Errorf("%s: forwarded %q", value, got)
		}
	}
	for _, value := range []string{"x" + token, token + "x", "ey%zz0123456789abcdefghij", strings.Repeat("hey", 20), "%67%68%72"} {
		h := http.Header{"Cookie": {"foo=" + value}}
		httpauth.NewJar("", true).Strip(h, owns)
		if got := h.Get("Cookie"); got != "foo="+value {
			t.Errorf("%s: forwarded %q", value, got)
		}
	}
}

// A browser, or whoever reads Set-Cookie its own way, takes each of the first for one of ours, and none of the others.
func TestB02_SetCookieSpellings(t *testing.T) {
	t.Parallel()
	jar := httpauth.NewJar("", true)
	for _, line := range []string{
		"gatehouse=x", "__Host-gatehouse=x; Path=/; Secure", "__Host-gatehouse_refresh=x", " gatehouse=x", "\tgatehouse =x", "gatehouse\t= x",
		"__host-gatehouse=x", "__HOST-Gatehouse_Refresh=x", "=gatehouse=x", " = __Host-gatehouse=x", "==gatehouse=x", "gatehouse", "gatehouse;a=b", "gatehouse\x00=x",
		"\x01gatehouse=x", "a=b, gatehouse=x", "a=b; Expires=Thu, 01 Jan 2099 00:00:00 GMT, __Host-gatehouse=x", "gatehouse_handover_abc=x",
		"gatehouse_sent=", "gatehouse_pending=x", "gatehouse_link=x", "gatehouse_registration=x", "gatehouse=; Max-Age=0",
	} {
		if !jar.Sets(line) {
			t.Errorf("%q passes", line)
		}
	}
	for _, line := range []string{"", "app=gatehouse=x", "gatehousekeeper=x", "xgatehouse=1", "app=1; Path=/gatehouse", "__Secure-app=gatehouse", "second=x"} {
		if jar.Sets(line) {
			t.Errorf("%q is dropped", line)
		}
	}
	if second := httpauth.NewJar("second", false); !second.Sets("__Host-second_refresh=x") || second.Sets("gatehouse=x") {
		t.Error("another prefix has other names")
	}
}

func TestFlowCookies(t *testing.T) {
	t.Parallel()
	for _, k := range []httpauth.FlowCookie{httpauth.RegistrationCookie, httpauth.LinkCookie, httpauth.PendingCookie, httpauth.LoopCookie} {
		h, jar := http.Header{}, httpauth.NewJar("", true)
		if err := k.Set(h, jar, "value"); err != nil {
			t.Fatal(err)
		}
		c := (&http.Response{Header: h}).Cookies()[0]
		if !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.Name[:16] != "__Host-gatehouse" || c.MaxAge < 1 {
			t.Errorf("got %v", c)
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", c.Name+"=value; other=x")
		if k.Read(r, jar) != "value" || k.Read(r, httpauth.NewJar("", false)) != "" {
			t.Errorf("%s is read as %q and %q", c.Name, k.Read(r, jar), k.Read(r, httpauth.NewJar("", false)))
		}
		if jar.Strip(r.Header, noToken); r.Header.Get("Cookie") != "other=x" {
			t.Errorf("an upstream sees %q", r.Header.Get("Cookie"))
		}
		k.Clear(h, jar)
		if got := (&http.Response{Header: h}).Cookies(); len(got) != 1 || got[0].MaxAge >= 0 {
			t.Errorf("got %v", got)
		}
		if k.Set(h, jar, string(make([]byte, 5000))) == nil {
			t.Error("a cookie that no browser keeps is set")
		}
	}
}
