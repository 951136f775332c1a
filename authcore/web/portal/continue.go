package portal

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// continuePage leads who is signed in to where they wanted to go.
type continuePage struct {
	sessions *session.Sessions
	factors  *factor.Factors
	strays   strays
}

func (p *continuePage) routes() []page.Route {
	return []page.Route{{Path: continuePath, Show: p.show}}
}

const continuePath = "/onward"

// requestOf is how the browser that sends a form is signed in.
func requestOf(q *page.Request) session.Request {
	return session.Request{
		Mode: authcore.ModeCookie, Client: q.Info.Client, ShortLived: q.Form.Get("forget") != "",
		DeviceToken: httpauth.DeviceCookie.Read(q.R, q.Info.Cookies()),
	}
}

// arrive gives the browser the cookies of a new session in place of any other, and leads on; or to the second step that is asked for.
func (p *continuePage) arrive(q *page.Request, out secondstep.Outcome, raw string) error {
	if out.Pending != nil {
		return wait(q, out.Pending, raw)
	}
	if !out.SteppedUp {
		httpauth.RevokeReplaced(q.R, q.Info, p.sessions, q.Logger)
	}
	if mfaToken(q) != "" { // of this sign-in or of one that was left: nobody goes on with it
		httpauth.MFACookie.Clear(q.W.Header(), q.Info.Cookies())
	}
	if err := q.Info.Cookies().SetSession(q.W.Header(), out.Tokens); err != nil {
		return err
	}
	if out.Codes != nil { // they are shown once, before anything else
		keepCodes(q, out.Codes)
		q.KeepPending(page.Pending{ReturnTo: raw})
		return q.Redirect(q.Path(enrolCodesPath))
	}
	return p.to(q, raw)
}

// to leads who is signed in to where they wanted to go.
//
// A browser goes there from a page of its own: Chromium holds every redirect that follows a form post, the service's own
// included, against form-action of the page with the form, and would stay there without a word (CSP3 §6.4.1.1).
func (p *continuePage) to(q *page.Request, raw string) error {
	q.DropPending()
	if raw == "" && q.Link(page.EmailLink) != "" { // they signed in to go on with it
		return q.Redirect(q.Path(page.EmailLinkPath))
	}
	to, why := q.CheckReturn(raw)
	switch {
	case why != "":
		if why = q.DropReason(raw); why != httpauth.NoReturn {
			p.tellDropped(q, raw, why)
			q.KeepPending(page.Pending{Lost: why})
		}
		return q.Redirect(q.Path("/account"))
	case q.Form != nil && q.R.Header.Get("Sec-Fetch-Mode") == "navigate":
		noteRedirect(q, to)
		return q.Redirect(q.Path(continuePath) + "?rd=" + url.QueryEscape(to))
	}
	noteRedirect(q, to)
	return q.Redirect(to)
}

// continueScript leads on with the fragment of the address (`/app#/deep/route`), which no server sees and which browsers have carried
// here: no Refresh keeps it.
const continueScript = `let a=document.querySelector(".links a");if(!a.hash)a.hash=location.hash;location.replace(a.href)`

var (
	continueElement = template.HTML("<script>" + continueScript + "</script>")
	continuePolicy  = strings.Replace(page.Policy, "; ", "; script-src 'sha256-"+digestOf(continueScript)+"'; ", 1)
)

func digestOf(script string) string {
	sum := sha256.Sum256([]byte(script))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// show sends the browser on without a redirect.
func (p *continuePage) show(q *page.Request) error {
	to := q.ReturnTo()
	if to == "" {
		return p.to(q, q.Wanted())
	}
	v := page.View{Title: q.T("continue.title"), Continue: to, Script: continueElement, Links: []page.Link{{To: to, Text: q.T("continue.link")}}}
	q.W.Header().Set("Content-Security-Policy", continuePolicy)
	if offer := p.offer(q); offer != nil {
		if err := tellPasskeys(q, &v, passkeyNews{Offer: offer, Onward: true}); err != nil {
			return err
		}
	}
	return q.Show(v)
}

// offer is that of a passkey on the way; nil for none, and where that is not known: nobody is held up by it.
func (p *continuePage) offer(q *page.Request) *passkeyOffer {
	var err error
	if q.User, err = q.CurrentUser(); err != nil || q.User == nil {
		return nil
	}
	offer, _ := offerPasskey(q, p.factors)
	return offer
}

// tellDropped tells the operator where a sign-in could not lead, and what to configure if it should.
func (p *continuePage) tellDropped(q *page.Request, raw string, why httpauth.DropReason) {
	to, err := url.Parse(raw)
	if err != nil || len(to.Host) > 255 {
		to = &url.URL{}
	}
	remedy := "none: the address is not a valid return address"
	switch why {
	case httpauth.ForeignReturn:
		remedy = "if the host is yours, list it with its port in redirect_hosts, or in the address of its site with gatehouse_guard; if a proxy in " +
			"front ends TLS or uses other ports, set issuer to the address that browsers use and list the proxy in trusted_proxies"
	case httpauth.PlainReturn:
		remedy = "serve the page over https; if a proxy in front ends TLS, list the proxy in trusted_proxies"
	}
	if p.strays.news(string(why)+" "+to.Host, q.Now()) {
		q.Logger.WarnContext(q.R.Context(), "could not lead a user back after sign-in",
			"reason", string(why), "host", to.Host, "remedy", remedy)
	}
}

const (
	strayRest = time.Hour
	mostStray = 32
)

// strays are the hosts of which the log was told. Anybody can ask to be led anywhere: each is told once an hour, and so many at most.
type strays struct {
	mu   sync.Mutex
	told map[string]time.Time
}

func (s *strays) news(host string, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for h, at := range s.told {
		if now.Sub(at) >= strayRest {
			delete(s.told, h)
		}
	}
	if _, known := s.told[host]; known || len(s.told) >= mostStray {
		return false
	}
	if s.told == nil {
		s.told = map[string]time.Time{}
	}
	s.told[host] = now
	return true
}
