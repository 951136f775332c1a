package portal

import (
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// handoverPage leads who is signed in here to a host that does not see their cookies. It has no address of its own: the sign-in page is
// where hosts send browsers.
type handoverPage struct {
	flow *handover.Flow
	next *continuePage
}

// asked reports whether a guarded host has sent the browser for a code.
func (p *handoverPage) asked(q *page.Request) bool {
	_, other := q.OtherOrigin()
	_, ok := p.flow.ReadAsk(other, q.R.URL.Query().Get("handover"))
	return ok
}

// to leads who is signed in here to where they wanted to go. On another host their cookies are not seen: it is asked
// to begin a hand-over, and where it has done so the browser gets a code for it.
func (p *handoverPage) to(q *page.Request, user *authcore.Principal) error {
	query := q.R.URL.Query()
	back, other := q.OtherOrigin()
	// A program's bearer token is no browser's, and a host that it is handed over to would make it cookies. A child session is its own
	// host's alone.
	if other == "" || user.Credential != authcore.SessionCookie || user.Origin != "" {
		return p.next.to(q, query.Get("rd"))
	}
	q.DropPending()
	q.W.Header().Set("Referrer-Policy", "no-referrer")
	host := other + httpauth.HandoverPath
	words := query.Get("handover")
	asked, ok := p.flow.ReadAsk(other, words)
	if !ok { // whoever made that up, no guard of the host's did, so perhaps none could redeem a code
		return q.Redirect(host + "?rd=" + url.QueryEscape(back))
	}
	if err := q.Limits.Take(q.R.Context(), q.W.Header(), authcore.LimitRefresh, "", q.Info.Client.Addr); err != nil {
		return err
	}
	code, err := p.flow.Issue(q.R.Context(), user, other, words)
	if err != nil {
		return err
	}
	return q.Redirect(host + "?code=" + code + keptAs(asked.Challenge) + "&rd=" + url.QueryEscape(back))
}

// keptName is how much of a challenge names the cookie of its verifier: 48 bits of a digest.
const keptName = 8

// keptAs is what follows a code to tell the host which of its verifiers belongs to it.
func keptAs(challenge string) string { return "." + challenge[:keptName] }
