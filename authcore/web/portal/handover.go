package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// asksForHandover reports whether a guarded host has sent the browser for a code.
func (v *visit) asksForHandover() bool {
	_, elsewhere := v.elsewhere()
	_, asked := v.cfg.Handover.ReadAsk(elsewhere, v.r.URL.Query().Get("handover"))
	return asked
}

// elsewhere returns where the visitor wanted to go, and the origin of that if it is on another host.
func (v *visit) elsewhere() (back, origin string) {
	back, why := v.returnTo(v.r.URL.Query().Get("rd"))
	if why != "" {
		return "", ""
	}
	return back, httpauth.OtherOrigin(v.r, back)
}

// handOver leads who is signed in here to where they wanted to go. On another host their cookies are not seen: it is asked
// to begin a hand-over, and where it has done so the browser gets a code for it.
func (v *visit) handOver(p *authcore.Principal) error {
	query := v.r.URL.Query()
	back, elsewhere := v.elsewhere()
	// A program's bearer token is no browser's, and a host that it is handed over to would make it cookies. A child session is its own
	// host's alone.
	if elsewhere == "" || p.Credential != authcore.SessionCookie || p.Origin != "" {
		return v.onward(query.Get("rd"))
	}
	v.dropPending()
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	host := elsewhere + httpauth.HandoverPath
	words := query.Get("handover")
	asked, ok := v.cfg.Handover.ReadAsk(elsewhere, words)
	if !ok { // whoever made that up, no guard of the host's did, so perhaps none could redeem a code
		return v.redirect(host + "?rd=" + url.QueryEscape(back))
	}
	if err := v.cfg.Limits.Take(v.r.Context(), authcore.LimitRefresh, v.in.Client.Addr); err != nil {
		return err
	}
	code, err := v.cfg.Handover.Issue(v.r.Context(), p, elsewhere, words)
	if err != nil {
		return err
	}
	return v.redirect(host + "?code=" + code + keptAs(asked.Challenge) + "&rd=" + url.QueryEscape(back))
}

// keptName is how much of a challenge names the cookie of its verifier: 48 bits of a digest.
const keptName = 8

// keptAs is what follows a code to tell the host which of its verifiers belongs to it.
func keptAs(challenge string) string { return "." + challenge[:keptName] }
