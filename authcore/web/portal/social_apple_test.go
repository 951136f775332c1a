package portal_test

import (
	"net/url"
	"strings"
	"testing"
)

// What Apple posts beside the code goes along sealed: the name of somebody stands in no address.
func TestSocial_PostedName(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	back, query, _ := strings.Cut(h.back(b.get("/social/acme/start").want(303)), "?")
	values, _ := url.ParseQuery(query)
	form := []string{"code", values.Get("code"), "state", values.Get("state"), "user", `{"name":{"firstName":"Ada"}}`, "email", "ada@evil.example"}
	got := h.browser().post(back, form, header("Sec-Fetch-Site", "cross-site"), header("Origin", h.idp.Issuer())).want(303)
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || to.Query().Get("user") == "" || to.Query().Has("email") || strings.Contains(to.String(), "Ada") || got.header.Get("Set-Cookie") != "" {
		t.Errorf("%s %v", to, got.header)
	}
	b.get(strings.TrimPrefix(to.String(), "/auth")).leads("/auth/account")
}

// Apple says in its own word that somebody has thought better of it.
func TestSocial_CancelledAtApple(t *testing.T) {
	h := open(t, plan{provider: true})
	b := h.browser()
	back := h.back(b.get("/social/acme/start").want(303))
	values, _ := url.ParseQuery(strings.SplitN(back, "?", 2)[1])
	b.get("/social/acme/callback?error=user_cancelled_authorize&state=" + values.Get("state")).leads("/auth/login?done=provider_declined")
}
