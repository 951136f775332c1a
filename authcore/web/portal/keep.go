package portal

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// What a link is for. The cookie that keeps its token says so: a token of one kind is never shown for another.
const (
	verifyLink = "verify"
	resetLink  = "reset"
)

// maxLinkToken is the longest token of a link that is kept.
const maxLinkToken = 128

// takeLink moves the token of a link out of the address into a cookie and shows the same page without it, so that it
// stands in no history, referrer or screenshot (ASVS 14.2.1). The token is not looked at: what opens links before their
// owner does (mail scanners) changes nothing by it (R07).
func (v *visit) takeLink(kind string) bool {
	query := v.r.URL.Query()
	if !query.Has("token") {
		return false
	}
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	token := query.Get("token")
	if len(token) > maxLinkToken || strings.Trim(token, linkAlphabet) != "" ||
		httpauth.LinkCookie.Set(v.w.Header(), v.in.Cookies(), kind+"."+token) != nil {
		httpauth.LinkCookie.Clear(v.w.Header(), v.in.Cookies())
	}
	_ = v.redirect(v.here(v.path))
	return true
}

const linkAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// link returns the token that the browser keeps of a link of this kind; "" for none.
func (v *visit) link(kind string) string {
	token, ok := strings.CutPrefix(httpauth.LinkCookie.Read(v.r, v.in.Cookies()), kind+".")
	if !ok {
		return ""
	}
	return token
}

func (v *visit) dropLink() {
	if httpauth.LinkCookie.Read(v.r, v.in.Cookies()) != "" {
		httpauth.LinkCookie.Clear(v.w.Header(), v.in.Cookies())
	}
}

// pending is what is kept while somebody looks into their mail. It is theirs, so it needs no seal; the way back is
// checked when it is used.
type pending struct {
	back, login string
	lost        httpauth.DropReason // why somebody who has just arrived was not led back
}

func (v *visit) pending() pending {
	kept, err := url.ParseQuery(httpauth.PendingCookie.Read(v.r, v.in.Cookies()))
	if err != nil {
		return pending{}
	}
	return pending{back: kept.Get("rd"), login: kept.Get("login"), lost: httpauth.DropReason(kept.Get("lost"))}
}

// keep keeps p; the way back is dropped where both are too long for a cookie.
func (v *visit) keep(p pending) {
	all := url.Values{}
	if p.login != "" && len(p.login) <= 320 {
		all.Set("login", p.login)
	}
	if p.lost != "" {
		all.Set("lost", string(p.lost))
	}
	short := all.Encode()
	if back, why := v.returnTo(p.back); why == "" {
		all.Set("rd", back)
	}
	if len(all) == 0 {
		return
	}
	if httpauth.PendingCookie.Set(v.w.Header(), v.in.Cookies(), all.Encode()) != nil && short != "" {
		_ = httpauth.PendingCookie.Set(v.w.Header(), v.in.Cookies(), short)
	}
}

func (v *visit) dropPending() {
	if httpauth.PendingCookie.Read(v.r, v.in.Cookies()) != "" {
		httpauth.PendingCookie.Clear(v.w.Header(), v.in.Cookies())
	}
}

// returnTo checks where somebody wants to go.
func (v *visit) returnTo(raw string) (string, httpauth.DropReason) {
	return httpauth.CheckReturn(raw, httpauth.ReturnRules{
		Host: v.r.Host, HTTPS: v.in.HTTPS, Hosts: v.cfg.ReturnHosts(v.r.Host), Prefix: v.prefix,
	})
}

// wanted is where the visitor wants to go after signing in, as it was given: in the form, or in the address that that was sent to.
func (v *visit) wanted() string { return cmp.Or(v.form.Get("rd"), v.r.URL.Query().Get("rd")) }

// back returns where the visitor wants to go after signing in; "" for nowhere in particular.
func (v *visit) back() string {
	back, _ := v.returnTo(v.wanted())
	return back
}

// onward leads who is signed in to where they wanted to go.
//
// A browser goes there from a page of its own: Chromium holds every redirect that follows a form post, the service's own
// included, against form-action of the page with the form, and would stay there without a word (CSP3 §6.4.1.1).
func (v *visit) onward(raw string) error {
	v.dropPending()
	back, why := v.returnTo(raw)
	switch {
	case why != "":
		if why = v.lost(raw); why != httpauth.NoReturn {
			v.tellLost(raw, why)
			v.keep(pending{lost: why})
		}
		return v.redirect(v.here("/account"))
	case v.form != nil && v.r.Header.Get("Sec-Fetch-Mode") == "navigate":
		v.sendOnward(back)
		return v.redirect(v.here("/onward") + "?rd=" + url.QueryEscape(back))
	}
	v.sendOnward(back)
	return v.redirect(back)
}

// onwardScript leads on with the fragment of the address (`/app#/deep/route`), which no server sees and which browsers have carried
// here: no Refresh keeps it.
const onwardScript = `let a=document.querySelector(".links a");if(!a.hash)a.hash=location.hash;location.replace(a.href)`

var (
	onwardElement = template.HTML("<script>" + onwardScript + "</script>")
	onwardPolicy  = strings.Replace(policy, "; ", "; script-src 'sha256-"+digestOf(onwardScript)+"'; ", 1)
)

func digestOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// showOnward sends the browser on without a redirect.
func (v *visit) showOnward() error {
	back := v.back()
	if back == "" {
		return v.onward(v.wanted())
	}
	v.w.Header().Set("Content-Security-Policy", onwardPolicy)
	return v.show(card{Title: v.t("onward.title"), Onward: back, Script: onwardElement, Links: []link{{back, v.t("onward.link")}}})
}

// withBack adds the way back to the address of a page of ours.
func (v *visit) withBack(path string) string {
	if back := v.back(); back != "" {
		return v.here(path) + "?rd=" + url.QueryEscape(back)
	}
	return v.here(path)
}

func isLoopback(host string) bool {
	u, err := url.Parse("http://" + host)
	if err != nil {
		return false
	}
	name := strings.ToLower(u.Hostname())
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}
