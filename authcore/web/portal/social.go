package portal

import (
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// socialPages lead to identity providers and back.
type socialPages struct {
	flow *federated.Flow
	next *continuePage
}

func (p *socialPages) routes() (all []page.Route) {
	for _, o := range p.flow.Offered() {
		all = append(all,
			page.Route{Path: startPath(o.Name), Show: func(q *page.Request) error { return p.begin(q, o) },
				Submit: func(q *page.Request) error { return p.start(q, o) }, Limit: authcore.LimitSocial},
			page.Route{Path: federated.CallbackPath(o.Name), Show: func(q *page.Request) error { return p.callback(q, o) }, Foreign: p.posted, Limit: authcore.LimitSocial},
		)
	}
	// Links to a provider that is no longer there.
	return append(all, page.Route{Path: startPath("{id}"), Show: func(*page.Request) error { return authcore.Refuse(authcore.NotFound, "There is no such provider.") }})
}

func startPath(provider string) string { return "/social/" + provider + "/start" }

// providerLinks are the ways to sign in by a provider.
func providerLinks(q *page.Request, flow *federated.Flow) (links []page.Link) {
	for _, o := range flow.Offered() {
		links = append(links, page.Link{To: q.WithReturn(startPath(o.Name)), Text: q.T("social.with", "Title", o.Title), Logo: o.Name})
	}
	return links
}

// begin goes to the provider. A browser that another site has sent here, and one that is signed in, is asked first: nobody shall be signed
// in, or in as another, by what somebody else's page does (login CSRF, C11).
func (p *socialPages) begin(q *page.Request, o federated.Offered) error {
	if q.Problem != nil {
		return p.failed(q)
	}
	who, err := q.CurrentUser()
	if err != nil {
		return err
	}
	site := q.R.Header.Get("Sec-Fetch-Site")
	if who == nil && site != "cross-site" && site != "same-site" {
		if err := q.Limits.Take(q.R.Context(), q.W.Header(), authcore.LimitSocial, startPath(o.Name), q.Info.Client.Addr); err != nil {
			return err
		}
		if err := p.start(q, o); err != nil {
			return p.fail(q, err)
		}
		return nil
	}
	hidden := page.ReturnField(q)
	if q.R.URL.Query().Get("remember") == "false" {
		hidden = append(hidden, page.Hidden{Name: "remember", Value: "false"})
	}
	q.W.Header().Set("Content-Security-Policy", page.PolicyTo(p.flow.Origin(q.R.Context(), o.Name)))
	v := page.View{Title: q.T("social.title", "Title", o.Title), Intro: []string{q.T("social.intro", "Title", o.Title, "Brand", q.Brand)},
		Forms: []page.Form{{ID: "social-form", Hidden: hidden, Button: q.T("social.with", "Title", o.Title)}},
		Links: []page.Link{{To: q.WithReturn("/login"), Text: q.T("social.other")}}}
	if who != nil {
		v.Intro = []string{q.T("social.again", "Title", o.Title)}
		v.Links = []page.Link{{To: q.Path("/account"), Text: q.T("account.title")}}
	}
	return q.Show(v)
}

// start sends the browser to the provider, as its form or link says.
func (p *socialPages) start(q *page.Request, o federated.Offered) error {
	remember := q.R.URL.Query().Get("remember")
	if q.Form != nil {
		remember = q.Form.Get("remember")
	}
	invitation := q.Link(page.InvitationLink)
	if typed := q.Form.Get("invitation"); typed != "" {
		invitation = typed
	}
	return toProvider(q, p.flow, federated.StartInput{Provider: o.Name, Return: q.Wanted(), ShortLived: remember == "false" || q.Form.Get("forget") != "",
		Invitation: invitation})
}

// toProvider sends the browser to a provider, with the cookie that the answer must come back with.
func toProvider(q *page.Request, flow *federated.Flow, in federated.StartInput) error {
	in.Slot, in.Client = httpauth.SocialSlot(q.R, q.Info.Cookies()), q.Info.Client
	begun, err := flow.Start(q.R.Context(), in)
	if err != nil {
		return err
	}
	if err := httpauth.SocialCookie.Of(in.Slot).Set(q.W.Header(), q.Info.Cookies(), begun.Browser); err != nil {
		return err
	}
	return q.Redirect(begun.URL)
}

// answered are the parameters of a provider's answer.
var answered = []string{"code", "state", "iss", "error"}

// sealedUser is the parameter in which what was posted about the person goes along, sealed.
const sealedUser = "user"

// posted leads a posted answer to the same address by GET: with the post of another site a browser sends no cookie of ours.
func (p *socialPages) posted(q *page.Request) error {
	kept := url.Values{}
	for _, name := range answered {
		if q.Form.Has(name) {
			kept.Set(name, q.Form.Get(name))
		}
	}
	if user := q.Form.Get("user"); user != "" {
		sealed, err := p.flow.SealPosted(q.Form.Get("state"), user)
		if err != nil {
			return err
		}
		if sealed != "" {
			kept.Set(sealedUser, sealed)
		}
	}
	return q.Redirect(q.Path(strings.TrimPrefix(q.R.URL.Path, q.Prefix)) + "?" + kept.Encode())
}

// one returns a parameter that is there once; of two, one was put there by somebody else.
func one(query url.Values, name string) string {
	if len(query[name]) != 1 {
		return ""
	}
	return query.Get(name)
}

// callback takes the provider's answer.
func (p *socialPages) callback(q *page.Request, o federated.Offered) error {
	if q.Problem != nil {
		return p.failed(q)
	}
	if err := q.Limits.Take(q.R.Context(), q.W.Header(), authcore.LimitSocial, federated.CallbackPath(o.Name), q.Info.Client.Addr); err != nil {
		return p.fail(q, err)
	}
	who, err := q.CurrentUser()
	if err != nil {
		return err
	}
	query := q.R.URL.Query()
	in := federated.CallbackInput{Provider: o.Name, State: one(query, "state"), Code: one(query, "code"), Error: one(query, "error"), Iss: one(query, "iss"), Posted: one(query, sealedUser),
		Who: who, Request: requestOf(q)}
	slot := httpauth.SocialCookie.Of(federated.SlotOf(in.State))
	in.Browser = slot.Read(q.R, q.Info.Cookies())
	res, err := p.flow.Callback(q.R.Context(), in)
	if in.Browser != "" && !errors.Is(err, federated.ErrNoStart) { // else any page could end the way that somebody is on, by a made-up answer
		slot.Clear(q.W.Header(), q.Info.Cookies())
	}
	switch {
	case err != nil && res.Connecting && httpauth.WantsHTML(q.R):
		q.SetProblem(err)
		return notConnected(q, o)
	case err != nil:
		return p.fail(q, err)
	case res.Declined && res.Connecting:
		return q.Done(connectionsPath, "provider_declined")
	case res.Declined:
		to := q.Path("/login") + "?done=provider_declined"
		if res.Return != "" {
			to += "&rd=" + url.QueryEscape(res.Return)
		}
		return q.Redirect(to)
	case res.Connected != nil:
		return q.Done(connectionsPath, "connected")
	case res.Waits != nil:
		q.KeepPending(page.Pending{ReturnTo: res.Return})
		if err := httpauth.SocialCookie.Of(httpauth.SocialToken).Set(q.W.Header(), q.Info.Cookies(), res.Waits.Token); err != nil {
			return err
		}
		return q.Redirect(q.Path(completePath))
	}
	return p.next.arrive(q, *res.Outcome, res.Return)
}

// fail shows why nobody is signed in, with a way on.
func (p *socialPages) fail(q *page.Request, err error) error {
	if !httpauth.WantsHTML(q.R) {
		return err
	}
	q.SetProblem(err)
	return p.failed(q)
}

// notConnected shows why nothing was connected, to who is signed in.
func notConnected(q *page.Request, o federated.Offered) error {
	v := q.ProblemView()
	switch {
	case q.Is(authcore.Conflict):
		v.Intro = []string{q.T("social.taken", "Title", o.Title)}
	case q.Is(authcore.LimitReached):
		v.Intro = []string{q.T("social.full")}
	}
	v.Intro = append(v.Intro, q.Quote()...)
	v.Links = []page.Link{{To: q.Path(connectionsPath), Text: q.T("connections.title")}}
	return q.ShowProblem(v)
}

func (p *socialPages) failed(q *page.Request) error {
	v := q.ProblemView()
	v.Intro = append(v.Intro, q.Quote()...)
	v.Links = []page.Link{{To: q.WithReturn("/login"), Text: q.T("social.other")}}
	return q.ShowProblem(v)
}

const completePath = "/social/complete"

// completePage asks for what is missing after a provider.
type completePage struct {
	flow   *federated.Flow
	fields userfield.Set
	trap   *honeytrap.Trap
	next   *continuePage
}

func (p *completePage) routes() []page.Route {
	return []page.Route{{Path: completePath, Show: p.show, Submit: p.submit, Limit: authcore.LimitSocial}}
}

func socialToken(q *page.Request) string {
	return httpauth.SocialCookie.Of(httpauth.SocialToken).Read(q.R, q.Info.Cookies())
}

func (p *completePage) show(q *page.Request) error {
	waits, err := p.flow.Show(q.R.Context(), socialToken(q), session.Request{Mode: authcore.ModeCookie, Client: q.Info.Client})
	if authcore.CodeOf(err) == authcore.InvalidSocialToken {
		if q.Form == nil {
			return q.ToLogin()
		}
		return q.Show(page.View{Title: q.T("social.complete.title"), Links: []page.Link{{To: q.Path("/login"), Text: q.T("social.other")}}})
	}
	if err != nil {
		return err
	}
	title := p.flow.Title(waits.Provider)
	v := page.View{Title: q.T("social.complete.title"), Links: []page.Link{{To: q.Path("/login"), Text: q.T("social.other")}}}
	f := page.Form{ID: "social-complete-form", Action: q.Path(completePath), Decoy: decoyOf(q, p.trap), Button: q.T("social.complete.button")}
	for _, missing := range waits.Missing {
		switch missing {
		case federated.MissingConnect:
			v.Intro = append(v.Intro, q.T("social.complete.connect", "Account", waits.Suggested.Account, "Title", title, "Brand", q.Brand))
			f.Hidden, f.Button = []page.Hidden{{Name: "connect", Value: "true"}}, q.T("social.complete.connect.button")
		case federated.MissingEmail:
			v.Intro = append(v.Intro, q.T("social.complete.email", "Title", title))
			f.Fields, f.Button = append(f.Fields, page.EmailField(q, "")), q.T("social.complete.email.button")
		case federated.MissingCode:
			v.Intro = append(v.Intro, q.T("social.complete.code", "Email", waits.Suggested.Email))
			f.Fields = append(f.Fields, page.CodeField(q))
		case "username":
			field := page.UsernameField(q, waits.Suggested.Username)
			field.Optional = ""
			f.Fields = append(f.Fields, field)
		}
	}
	if waits.Missing != nil && waits.Missing[0] != federated.MissingEmail && waits.Missing[0] != federated.MissingConnect {
		f.Fields = append(f.Fields, p.missingFields(q, waits)...)
	}
	if len(f.Fields) > 0 {
		f.Fields[0].Focus = true
	}
	v.Forms = []page.Form{f}
	if len(waits.Missing) > 0 && waits.Missing[0] == federated.MissingCode {
		other := page.EmailField(q, "")
		other.ID = "other-email"
		v.Forms = append(v.Forms, page.Form{ID: "social-email-form", Action: q.Path(completePath), Fields: []page.Field{other}, Button: q.T("social.complete.other"), Quiet: true})
	}
	return q.Show(v)
}

// missingFields ask for the fields of the operator's own that are missing.
func (p *completePage) missingFields(q *page.Request, waits federated.Waits) (fields []page.Field) {
	for _, f := range userFields(q, p.fields, nil) {
		for _, missing := range waits.Missing {
			if f.Name == missing {
				fields = append(fields, f)
			}
		}
	}
	return fields
}

func (p *completePage) submit(q *page.Request) error {
	fields := typedFields(q, p.fields)
	maps.DeleteFunc(fields, func(_ string, typed any) bool { return typed == nil || typed == "" }) // only a new account needs them
	trapped := fellInto(q, p.trap)
	if trapped {
		defer p.trap.FieldFilled(q.W, q.R, q.Info)()
	}
	res, err := p.flow.Complete(q.R.Context(), federated.CompleteInput{Token: socialToken(q), Email: q.Form.Get("email"), OTP: q.Form.Get("otp"), Connect: q.Form.Get("connect") != "",
		Given: signup.RegisterInput{Trapped: trapped, Username: q.Form.Get("username"), Fields: fields}, Request: requestOf(q)})
	if err != nil {
		return err
	}
	if res.Waits != nil {
		if res.Waits.Sent {
			return q.Done(completePath, "code_asked")
		}
		return q.Redirect(q.Path(completePath))
	}
	httpauth.SocialCookie.Of(httpauth.SocialToken).Clear(q.W.Header(), q.Info.Cookies())
	return p.next.arrive(q, *res.Outcome, q.Pending().ReturnTo)
}
