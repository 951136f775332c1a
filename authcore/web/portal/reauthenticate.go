package portal

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// reauthenticatePage is where who is signed in proves again who they are, because a page asks for it.
type reauthenticatePage struct {
	flow *stepup.Flow
	next *continuePage
}

const reauthenticatePath = "/reauthenticate"

func (p *reauthenticatePage) routes() []page.Route {
	return []page.Route{{Path: reauthenticatePath, For: page.SignedIn, Show: p.show, Submit: p.submit, Limit: authcore.LimitLogin}}
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

// show asks for what is missing; with nothing missing it leads on, and who came of their own accord may prove themselves all the same.
func (p *reauthenticatePage) show(q *page.Request) error {
	if q.User.Origin != "" {
		return authcore.Refuse(authcore.Forbidden, "This session was handed over from another host.")
	}
	query := q.R.URL.Query()
	mfa, age := lacks(q.User, query, q.Now())
	if q.Form == nil && !mfa && !age && (query.Has("acr_values") || query.Has("max_age")) {
		return p.next.to(q, back(q))
	}
	v := page.View{
		Title: q.T("reauthenticate.title"), Intro: []string{signedInAs(q, q.User)},
		Links: []page.Link{{To: q.WithReturn("/logout"), Text: q.T("reauthenticate.other")}},
	}
	can, err := q.Fresh.Inline(q.R.Context(), q.User)
	if err != nil {
		return err
	}
	if !can.Password || mfa && !can.OTP { // what it takes cannot be given here
		v.Intro = append(v.Intro, q.T("reauthenticate.mfa"))
		v.Links = append(v.Links, page.Link{To: q.Path("/account"), Text: q.T("refused.account")})
		return q.Show(v)
	}
	password := page.PasswordField(q, "password")
	password.Focus = true
	v.Intro = append(v.Intro, q.T("reauthenticate.text"))
	v.Forms = []page.Form{{ID: "reauthenticate-form", Hidden: page.ReturnField(q), Fields: []page.Field{password}, Button: q.T("reauthenticate.button")}}
	if can.OTP {
		v.Forms[0].Fields = append(v.Forms[0].Fields, page.ProofCodeField(q))
	}
	return q.Show(v)
}

func (p *reauthenticatePage) submit(q *page.Request) error {
	if q.Form.Get("password") == "" {
		return authcore.RefuseField("password", authcore.Required)
	}
	out, err := p.flow.Begin(q.R.Context(), q.User, fresh.Proof{Password: q.Form.Get("password"), OTP: q.Form.Get("otp")},
		session.Request{Mode: authcore.ModeCookie, Client: q.Info.Client})
	if authcore.CodeOf(err) == authcore.InvalidCredentials {
		return page.AtField(err, "password", authcore.CurrentPasswordWrong)
	}
	if err != nil {
		return err
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
