package portal

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// HostHas reports whether a path is one that [Pages.Host] answers on every guarded host.
func (p *Pages) HostHas(path string) bool {
	if path == httpauth.HandoverPath || path == httpauth.SignOutPath {
		return true
	}
	below, ok := strings.CutPrefix(path, httpauth.HostPrefix)
	return ok && p.kit.HasAsset(below)
}

// Host serves what a guarded host has of us: the end of a hand-over, and signing out. login is where its guard sends
// browsers to sign in; where that is a path, the host has a sign-in page of its own and nothing is handed over to it. The
// context of each request must carry what [httpauth.WithRequestInfo] puts there.
func (p *Pages) Host(login string) http.Handler {
	on := &host{login: login, issuers: p.cfg.Issuers, handover: p.cfg.Handover, next: p.next}
	pages := p.kit.Handler(httpauth.HostPrefix, on.serve)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == httpauth.SignOutPath && r.Method == http.MethodPost && !page.IsForm(r) {
			p.cfg.API.SignOut(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// host is what a guarded host has of the pages.
type host struct {
	login    string // where its guard sends browsers to sign in
	issuers  func() []string
	handover *handover.Flow
	next     *continuePage
}

func (h *host) serve(q *page.Request) error {
	get, post := q.R.Method == http.MethodGet, q.R.Method == http.MethodPost
	switch path := q.R.URL.Path; {
	case path == httpauth.HandoverPath && get:
		q.W.Header().Set("Referrer-Policy", "no-referrer") // the address may hold a code
		return h.arrive(q)
	case path == httpauth.HandoverPath:
		// No HEAD: what asks without wanting the answer must not spend a code.
		q.W.Header().Set("Allow", http.MethodGet)
	case path == httpauth.SignOutPath && post:
		return h.signOut(q)
	case path == httpauth.SignOutPath:
		q.W.Header().Set("Allow", http.MethodPost)
	case get || q.R.Method == http.MethodHead:
		q.ServeAsset(strings.TrimPrefix(path, httpauth.HostPrefix))
		return nil
	default:
		q.W.Header().Set("Allow", "GET, HEAD")
	}
	return authcore.Refuse(authcore.MethodNotAllowed, "Method not allowed; see the Allow header.")
}

// arrive signs a browser in at this host by a code, or sends it for one.
func (h *host) arrive(q *page.Request) error {
	back, why := h.landing(q)
	var who httpauth.Result
	given, err := httpauth.FindCredentials(q.R, q.Info.Cookies(), q.Info.ServesHost)
	if err == nil {
		who, err = q.Authenticator.AuthenticateRequest(q.W, q.R, given, func(*http.Request) httpauth.RequestInfo { return q.Info })
	}
	if err == nil || authcore.IsAnonymous(err) {
		if httpauth.IsRedirectLoop(q.R, q.Info.Cookies(), q.Now(), back) {
			return showRedirectLoop(q, back, true, nil)
		}
	}
	if err == nil && !h.again(q) {
		noteRedirect(q, back)
		if why != "" && why != httpauth.NoReturn {
			h.next.tellDropped(q, q.R.URL.Query().Get("rd"), why)
		}
		return q.Redirect(back) // to its guard, which knows how old a view of revocations it bears
	}
	if err != nil && !authcore.IsAnonymous(err) {
		return err
	}
	query := q.R.URL.Query()
	switch {
	case strings.HasPrefix(h.login, "/"):
		return q.Redirect(back) // its guard leads to the sign-in page; no code is meant for it
	case query.Has("code"):
		return h.redeem(q, query.Get("code"), back, who)
	}
	return h.sendForCode(q, back)
}

// landing is where a browser goes when it is signed in: to what it wanted on this very origin, else to its root.
func (h *host) landing(q *page.Request) (back string, why httpauth.DropReason) {
	back, why = httpauth.CheckReturn(q.R.URL.Query().Get("rd"), httpauth.ReturnRules{
		Host: q.R.Host, HTTPS: q.Info.HTTPS, Prefix: httpauth.HostPrefix,
	})
	here := q.Origin()
	if why == "" && strings.HasPrefix(back, "/") {
		return here + back, ""
	}
	if to, err := url.Parse(back); why == "" && err == nil && page.OriginOf(to) == here {
		return back, ""
	}
	return here + "/", cmp.Or(why, httpauth.ForeignReturn)
}

// mostVerifiers is how many a browser is given to keep at once. One that is sent round more often, by a page that means to fill
// its cookies up, uses one of them again.
const mostVerifiers = 8

func (h *host) sendForCode(q *page.Request, back string) error {
	verifier := ""
	if kept := httpauth.HandoverCookie.Names(q.R, q.Info.Cookies()); len(kept) >= mostVerifiers {
		verifier = httpauth.HandoverCookie.Of(kept[0]).Read(q.R, q.Info.Cookies())
	}
	if !handover.IsChallenge(verifier) { // a verifier has the form of a challenge
		verifier = handover.NewVerifier()
	}
	challenge := handover.Challenge(verifier)
	if err := httpauth.HandoverCookie.Of(challenge[:keptName]).Set(q.W.Header(), q.Info.Cookies(), verifier); err != nil {
		return err
	}
	asked := handover.AskInput{Origin: q.Origin(), Challenge: challenge}
	return q.Redirect(withReturn(h.login, back) + "&handover=" + h.handover.Ask(asked))
}

// withReturn adds the way back to the address of a sign-in page.
func withReturn(login, back string) string {
	sep := "?"
	if strings.Contains(login, "?") {
		sep = "&"
	}
	return login + sep + "rd=" + url.QueryEscape(back)
}

// redeem trades a code for cookies of this host. What is wrong with one that is not good here is not told, and nothing leads
// on by itself: a browser that was sent here with somebody else's code must not end up signed in.
//
// A browser that is signed in here comes with a code after a step-up. It stays the same account's: one that is somebody else's at the
// portal by now is refused, and not swapped.
func (h *host) redeem(q *page.Request, shown, back string, who httpauth.Result) error {
	code, kept, verifier := verifierFor(q, shown)
	in := handover.RedeemInput{Code: code, Verifier: verifier, Origin: q.Origin()}
	if who.Verified != nil {
		in.Account = who.Holder().AccountID
	}
	tokens, err := h.handover.Redeem(q.R.Context(), in, q.Info.Client)
	if authcore.CodeOf(err) == authcore.InvalidCode && httpauth.WantsHTML(q.R) {
		q.SetProblem(err)
		return q.ShowProblem(page.View{
			Title: q.T("handover.title"), Intro: []string{q.T("handover.text")}, Links: []page.Link{{To: back, Text: q.T("handover.again")}},
		})
	}
	if err != nil {
		return err
	}
	httpauth.RevokeReplaced(q.R, q.Info, h.next.sessions, q.Logger)
	if err := q.Info.Cookies().SetSession(q.W.Header(), tokens); err != nil {
		return err
	}
	kept.Clear(q.W.Header(), q.Info.Cookies())
	return q.Redirect(back)
}

// verifierFor returns the code that an address shows, and the verifier that the browser keeps for it; "" for none.
func verifierFor(q *page.Request, shown string) (code string, kept httpauth.FlowCookie, verifier string) {
	code, name, _ := strings.Cut(shown, ".")
	kept = httpauth.HandoverCookie.Of(name)
	if len(name) == keptName && strings.Trim(name, page.LinkAlphabet) == "" {
		verifier = kept.Read(q.R, q.Info.Cookies())
	}
	return code, kept, verifier
}

// again reports whether a browser that is signed in here is handed over all the same: its user has just proved themselves at the portal,
// or it comes from there with a code that it has asked for.
func (h *host) again(q *page.Request) bool {
	query := q.R.URL.Query()
	_, _, verifier := verifierFor(q, query.Get("code"))
	return query.Has("again") || verifier != ""
}

// signOut ends the session of this host, or with the field `everywhere` that of every host that it was handed over to.
func (h *host) signOut(q *page.Request) error {
	if err := q.ReadForm(); err != nil {
		return err
	}
	if err := q.Authenticator.EndCookies(q.W, q.R, q.Info, q.Form.Get("everywhere") != ""); err != nil {
		return err
	}
	q.DropLoop()
	if q.R.URL.Query().Has("rd") { // to sign in as somebody else, and come back
		back, _ := h.landing(q)
		return q.Redirect(withReturn(h.login, back))
	}
	return q.Redirect(h.signedOut(q))
}

// signedOut is where who has signed out of this host is told so: the page of the portal's that is beside its sign-in page. A
// login that is no portal's, as far as can be told, is the place itself. Services name the origin of login in form-action of
// their pages and no other (CSP3 §6.4.1.1).
func (h *host) signedOut(q *page.Request) string {
	to, err := url.Parse(h.login)
	if err != nil || to.Host == "" {
		return "/"
	}
	prefix, isLogin := strings.CutSuffix(to.Path, "/login")
	if !isLogin || !slices.Contains(h.issuers(), page.OriginOf(to)) {
		return h.login
	}
	back := url.QueryEscape(q.Origin() + "/")
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: prefix + "/signed-out", RawQuery: "rd=" + back}).String()
}
