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
)

// HostHas reports whether a path is one that [Pages.Host] answers on every guarded host.
func (p *Pages) HostHas(path string) bool {
	if path == httpauth.HandoverPath || path == httpauth.SignOutPath {
		return true
	}
	below, ok := strings.CutPrefix(path, httpauth.HostPrefix)
	return ok && p.look.has(below)
}

// Host serves what a guarded host has of us: the end of a hand-over, and signing out. login is where its guard sends
// browsers to sign in; where that is a path, the host has a sign-in page of its own and nothing is handed over to it. The
// context of each request must carry what [httpauth.WithRequestInfo] puts there.
func (p *Pages) Host(login string) http.Handler {
	pages := p.answering(httpauth.HostPrefix, func(v *visit) error { return v.host(login) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == httpauth.SignOutPath && r.Method == http.MethodPost && !isForm(r) {
			p.cfg.API.SignOut(w, r)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

func (v *visit) host(login string) error {
	get, post := v.r.Method == http.MethodGet, v.r.Method == http.MethodPost
	switch path := v.r.URL.Path; {
	case path == httpauth.HandoverPath && get:
		v.w.Header().Set("Referrer-Policy", "no-referrer") // the address may hold a code
		return v.arriveHere(login)
	case path == httpauth.HandoverPath:
		// No HEAD: what asks without wanting the answer must not spend a code.
		v.w.Header().Set("Allow", http.MethodGet)
	case path == httpauth.SignOutPath && post:
		return v.signOutHere(login)
	case path == httpauth.SignOutPath:
		v.w.Header().Set("Allow", http.MethodPost)
	case get || v.r.Method == http.MethodHead:
		v.look.serve(v.w, v.r, strings.TrimPrefix(path, httpauth.HostPrefix))
		return nil
	default:
		v.w.Header().Set("Allow", "GET, HEAD")
	}
	return authcore.Refuse(authcore.MethodNotAllowed, "Method not allowed; see the Allow header.")
}

// arriveHere signs a browser in at this host by a code, or sends it for one.
func (v *visit) arriveHere(login string) error {
	back, why := v.landing()
	given, err := httpauth.FindCredentials(v.r, v.in.Cookies(), v.in.ServesHost)
	if err == nil {
		_, err = v.cfg.Authenticator.AuthenticateRequest(v.w, v.r, given, func(*http.Request) httpauth.RequestInfo { return v.in })
	}
	if err == nil || authcore.IsAnonymous(err) {
		if httpauth.IsRedirectLoop(v.r, v.in.Cookies(), v.now(), back) {
			return v.showCircle(back, true)
		}
	}
	if err == nil {
		v.sendOnward(back)
		if why != "" && why != httpauth.NoReturn {
			v.tellLost(v.r.URL.Query().Get("rd"), why)
		}
		return v.redirect(back) // to its guard, which knows how old a view of revocations it bears
	}
	if !authcore.IsAnonymous(err) {
		return err
	}
	query := v.r.URL.Query()
	switch {
	case strings.HasPrefix(login, "/"):
		return v.redirect(back) // its guard leads to the sign-in page; no code is meant for it
	case query.Has("code"):
		return v.redeem(query.Get("code"), back)
	}
	return v.sendForCode(login, back)
}

// landing is where a browser goes when it is signed in: to what it wanted on this very origin, else to its root.
func (v *visit) landing() (back string, why httpauth.DropReason) {
	back, why = httpauth.CheckReturn(v.r.URL.Query().Get("rd"), httpauth.ReturnRules{
		Host: v.r.Host, HTTPS: v.in.HTTPS, Prefix: httpauth.HostPrefix,
	})
	here := httpauth.OriginOf(v.r, v.in.HTTPS)
	if why == "" && strings.HasPrefix(back, "/") {
		return here + back, ""
	}
	if to, err := url.Parse(back); why == "" && err == nil && httpauth.OriginOf(&http.Request{Host: to.Host}, to.Scheme == "https") == here {
		return back, ""
	}
	return here + "/", cmp.Or(why, httpauth.ForeignReturn)
}

// mostVerifiers is how many a browser is given to keep at once. One that is sent round more often, by a page that means to fill
// its cookies up, uses one of them again.
const mostVerifiers = 8

func (v *visit) sendForCode(login, back string) error {
	verifier := ""
	if kept := httpauth.HandoverCookie.Names(v.r, v.in.Cookies()); len(kept) >= mostVerifiers {
		verifier = httpauth.HandoverCookie.Of(kept[0]).Read(v.r, v.in.Cookies())
	}
	if !handover.IsChallenge(verifier) { // a verifier has the form of a challenge
		verifier = handover.NewVerifier()
	}
	challenge := handover.Challenge(verifier)
	if err := httpauth.HandoverCookie.Of(challenge[:keptName]).Set(v.w.Header(), v.in.Cookies(), verifier); err != nil {
		return err
	}
	asked := handover.AskInput{Origin: httpauth.OriginOf(v.r, v.in.HTTPS), Challenge: challenge}
	return v.redirect(withReturn(login, back) + "&handover=" + v.cfg.Handover.Ask(asked))
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
func (v *visit) redeem(shown, back string) error {
	code, name, _ := strings.Cut(shown, ".")
	kept := httpauth.HandoverCookie.Of(name)
	verifier := ""
	if len(name) == keptName && strings.Trim(name, linkAlphabet) == "" {
		verifier = kept.Read(v.r, v.in.Cookies())
	}
	tokens, err := v.cfg.Handover.Redeem(v.r.Context(), handover.RedeemInput{
		Code: code, Verifier: verifier, Origin: httpauth.OriginOf(v.r, v.in.HTTPS),
	}, v.in.Client)
	if authcore.CodeOf(err) == authcore.InvalidCode && httpauth.WantsHTML(v.r) {
		problem := httpauth.ToProblem(v.w.Header(), v.r, v.cfg.Logger, err)
		v.problem = &problem
		return v.draw("card", &card{
			Title: v.t("handover.title"), Intro: []string{v.t("handover.text")}, Links: []link{{back, v.t("handover.again")}},
		})
	}
	if err != nil {
		return err
	}
	if err := v.in.Cookies().SetSession(v.w.Header(), tokens); err != nil {
		return err
	}
	kept.Clear(v.w.Header(), v.in.Cookies())
	return v.redirect(back)
}

// signOutHere ends the session of this host, or with the field `everywhere` that of every host that it was handed over to.
func (v *visit) signOutHere(login string) error {
	if err := v.cfg.Authenticator.Origins().CheckForm(v.r, v.in.HTTPS); err != nil {
		return err
	}
	form, err := readForm(v.w, v.r)
	if err != nil {
		return err
	}
	if err := v.cfg.Authenticator.EndCookies(v.w, v.r, v.in, form.Get("everywhere") != ""); err != nil {
		return err
	}
	v.dropSent()
	if v.r.URL.Query().Has("rd") { // to sign in as somebody else, and come back
		back, _ := v.landing()
		return v.redirect(withReturn(login, back))
	}
	return v.redirect(v.farewell(login))
}

// farewell is where who has signed out of this host is told so: the page of the portal's that is beside its sign-in page. A
// login that is no portal's, as far as can be told, is the place itself. Services name the origin of login in form-action of
// their pages and no other (CSP3 §6.4.1.1).
func (v *visit) farewell(login string) string {
	to, err := url.Parse(login)
	if err != nil || to.Host == "" {
		return "/"
	}
	prefix, isLogin := strings.CutSuffix(to.Path, "/login")
	if !isLogin || !slices.Contains(v.cfg.Issuers(), httpauth.OriginOf(&http.Request{Host: to.Host}, to.Scheme == "https")) {
		return login
	}
	back := url.QueryEscape(httpauth.OriginOf(v.r, v.in.HTTPS) + "/")
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: prefix + "/signed-out", RawQuery: "rd=" + back}).String()
}
