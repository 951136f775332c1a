package portal

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// reauthenticatePage is where who is signed in proves again who they are, because a page asks for it. What waits after the first proof, or
// for a code that is sent, goes on at the page of second steps.
type reauthenticatePage struct {
	flow *stepup.Flow
	next *continuePage
}

const (
	reauthenticatePath = "/reauthenticate"
	beginPath          = "/reauthenticate/begin"
)

func (p *reauthenticatePage) routes() []page.Route {
	return []page.Route{
		{Path: reauthenticatePath, For: page.SignedIn, Show: p.show, Submit: p.submit, Limit: authcore.LimitLogin},
		{Path: beginPath, For: page.SignedIn, Show: p.show, Submit: p.begin, Limit: authcore.LimitMFA},
	}
}

// wantsStepUp reports whether the sign-in page was asked for more than a sign-in, and returns the page where that is given.
func wantsStepUp(q *page.Request) (to string, ok bool) {
	query, kept := q.R.URL.Query(), url.Values{}
	for _, name := range []string{"acr_values", "max_age", "rd"} {
		if query.Has(name) {
			kept.Set(name, query.Get(name))
		}
	}
	return q.Path(reauthenticatePath) + "?" + kept.Encode(), kept.Has("acr_values") || kept.Has("max_age")
}

// lacks says what of the query's acr_values and max_age (RFC 9470 §4) the sign-in has not.
func lacks(user *authcore.Principal, query url.Values, now time.Time) (mfa, age bool) {
	mfa = slices.Contains(strings.Fields(query.Get("acr_values")), authcore.ACRMulti) && authcore.ACR(user.AMR) != authcore.ACRMulti
	seconds, err := strconv.ParseUint(query.Get("max_age"), 10, 31)
	age = err == nil && now.Sub(user.AuthTime) > time.Duration(seconds)*time.Second
	return mfa, age
}

// wanted is what the address asks for. What the sign-in has of it counts, unless it is too old.
func wanted(q *page.Request) (in stepup.Input, mfa, age bool) {
	query := q.R.URL.Query()
	for _, name := range []string{"acr_values", "max_age"} { // a form brings them along
		if q.Form.Has(name) {
			query.Set(name, q.Form.Get(name))
		}
	}
	mfa, age = lacks(q.User, query, q.Now())
	return stepup.Input{MFA: mfa, Add: mfa && !age, Request: session.Request{Mode: authcore.ModeCookie, Client: q.Info.Client}}, mfa, age
}

// show asks for what is missing; with nothing missing it leads on, and who came of their own accord may prove themselves all the same.
func (p *reauthenticatePage) show(q *page.Request) error {
	query := q.R.URL.Query()
	in, mfa, age := wanted(q)
	if q.Form == nil && q.User.Origin == "" && !mfa && !age && (query.Has("acr_values") || query.Has("max_age")) {
		return p.next.to(q, back(q))
	}
	if q.Form == nil && !q.At(reauthenticatePath) {
		return q.Redirect(q.WithReturn(reauthenticatePath))
	}
	ways, enrol, err := p.flow.Ways(q.R.Context(), q.User, in)
	if err != nil {
		return err
	}
	v := page.View{
		Title: q.T("reauthenticate.title"), Intro: []string{signedInAs(q, q.User)},
		Links: []page.Link{{To: q.WithReturn("/logout"), Text: q.T("reauthenticate.other")}},
	}
	if len(ways) == 0 && len(enrol) == 0 { // what it takes cannot be given here
		v.Intro = append(v.Intro, q.T("reauthenticate.mfa"))
		v.Links = append(v.Links, page.Link{To: q.Path("/account"), Text: q.T("refused.account")})
		return q.Show(v)
	}
	hidden := page.ReturnField(q)
	for _, name := range []string{"acr_values", "max_age"} {
		if value := cmp.Or(q.Form.Get(name), query.Get(name)); value != "" {
			hidden = append(hidden, page.Hidden{Name: name, Value: value})
		}
	}
	if len(ways) == 0 { // all was given but a factor: the next page adds one
		v.Intro = append(v.Intro, q.T("mfa.enrol.step_up"))
		v.Forms = []page.Form{{ID: "enrol-form", Action: q.Path(beginPath), Hidden: hidden, Button: q.T("mfa.enrol.title")}}
		return q.Show(v)
	}
	for _, m := range ways {
		if m.Method != secondstep.MethodPassword {
			continue
		}
		form, err := p.passwordForm(q, hidden)
		if err != nil {
			return err
		}
		v.Intro = append(v.Intro, q.T("reauthenticate.text"))
		v.Forms = append(v.Forms, form)
	}
	if len(v.Forms) == 0 {
		v.Intro = append(v.Intro, q.T("reauthenticate.choose"))
	}
	for _, m := range ways {
		if m.Method != secondstep.MethodPassword {
			v.Forms = append(v.Forms, page.Form{ID: "by-" + nameOf(m), Action: q.Path(beginPath), Hidden: append(slices.Clone(hidden), page.Hidden{Name: "use", Value: nameOf(m)}),
				Button: q.T("mfa.use."+m.Method, "To", m.To(), "Name", m.Factor.Name), Quiet: true})
		}
	}
	return q.Show(v)
}

// passwordForm asks for the password, and for a code beside it where the account has one that could be typed at once.
func (p *reauthenticatePage) passwordForm(q *page.Request, hidden []page.Hidden) (page.Form, error) {
	can, err := q.Fresh.Inline(q.R.Context(), q.User)
	if err != nil {
		return page.Form{}, err
	}
	password := page.PasswordField(q, "password")
	password.Focus = true
	form := page.Form{ID: "reauthenticate-form", Action: q.Path(reauthenticatePath), Hidden: hidden, Fields: []page.Field{password}, Button: q.T("reauthenticate.button")}
	if can.OTP {
		code := page.ProofCodeField(q)
		code.Optional = q.T("field.optional") // the next page asks for another factor
		form.Fields = append(form.Fields, code)
	}
	return form, nil
}

// submit takes the password.
func (p *reauthenticatePage) submit(q *page.Request) error {
	if q.Form.Get("password") == "" {
		return authcore.RefuseField("password", authcore.Required)
	}
	in, _, _ := wanted(q)
	in.Proof = fresh.Proof{Password: q.Form.Get("password"), OTP: q.Form.Get("otp")}
	out, err := p.flow.Begin(q.R.Context(), q.User, in)
	switch authcore.CodeOf(err) {
	case authcore.InvalidCredentials:
		return page.AtField(err, "password", authcore.CurrentPasswordWrong)
	case authcore.ReauthenticationRequired: // this session takes no more passwords; the page offers the other ways
		return authcore.Refuse(authcore.RateLimited, "Too many wrong passwords. Prove yourself otherwise.")
	}
	if err != nil {
		return err
	}
	return p.next.arrive(q, out, back(q))
}

// begin goes on with the way that was chosen. The code of one that is sent goes out.
func (p *reauthenticatePage) begin(q *page.Request) error {
	in, _, _ := wanted(q)
	in.First = q.Form.Get("use")
	out, err := p.flow.Begin(q.R.Context(), q.User, in)
	if err != nil {
		return err
	}
	if out.Pending != nil {
		return waitBy(q, out.Pending, back(q), in.First)
	}
	return p.next.arrive(q, out, back(q))
}

// back is where a step-up leads. A host with a session of its own there has to be handed over to again: that one says when its user proved
// themselves before.
func back(q *page.Request) string {
	to := q.ReturnTo()
	if other := httpauth.OtherOrigin(q.R, to); to != "" && other != "" {
		return other + httpauth.HandoverPath + "?again=1&rd=" + url.QueryEscape(to)
	}
	return q.Wanted()
}
