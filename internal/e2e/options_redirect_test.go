package e2e

import (
	"net/http"
	"net/url"
	"testing"
)

// Sign-in leads to hosts that this configuration guards, and besides these only to those listed, exactly. Who is signed in
// already is handed over to another host.
func TestOption_redirect_hosts(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "redirect_hosts other.example.org:8443 plain.example.org"})
	u := g.newBrowser(t)
	for back, arrives := range map[string]bool{
		g.url("/items?page=2"):                   true,
		"/items":                                 true,
		"https://other.example.org:8443/x?y=z":   true,
		"https://plain.example.org/":             true,
		"https://other.example.org/x":            false,
		"https://other.example.org:8443@evil.eu": false,
		"https://sub.plain.example.org/":         false,
		"http://plain.example.org/":              false,
		"https://evil.example.org/":              false,
		"//plain.example.org/":                   false,
		g.url("/auth/logout"):                    false,
	} {
		a := g.do(t, call{path: "/auth/login?rd=" + url.QueryEscape(back), cookies: u.cookies, header: page})
		want := "/auth/account"
		if arrives {
			want = back
		}
		if to, err := url.Parse(back); arrives && err == nil && to.Scheme == "https" { // another host: handed over there
			want = "https://" + to.Host + "/.gatehouse/handover?rd=" + url.QueryEscape(back)
		}
		if got := a.header.Get("Location"); a.status != http.StatusSeeOther || got != want {
			t.Errorf("rd %s: %d to %s, want %s", back, a.status, got, want)
		}
	}
}
