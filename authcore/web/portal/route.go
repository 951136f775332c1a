package portal

import (
	"net/http"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// page is what a path shows and what its form does.
type page struct {
	// show answers a GET. After a submit that was refused it is called again, with visit.problem set and what was typed
	// in visit.form; it must then change nothing.
	show func(*visit) error
	// submit answers a POST with a redirect, or returns why it did not happen. Nil: there is no form.
	submit func(*visit) error
	limit  string // that submits are counted against; "" for none
	link   string // which kind of link leads here; "" for none
}

func (p *Pages) mount() map[string]page {
	verify := page{show: (*visit).showVerify, submit: (*visit).verify, limit: authcore.LimitVerify, link: verifyLink}
	reset := page{show: (*visit).showReset, submit: (*visit).reset, limit: authcore.LimitForgot, link: resetLink}
	return map[string]page{
		"":                  {show: (*visit).enter},
		"/":                 {show: (*visit).enter},
		"/login":            {show: (*visit).showLogin, submit: (*visit).login, limit: authcore.LimitLogin},
		"/register":         {show: (*visit).showRegister, submit: (*visit).register, limit: authcore.LimitRegister},
		"/verify":           verify,
		"/verify/resend":    {show: (*visit).showResend, submit: (*visit).resend, limit: authcore.LimitVerify},
		"/password/forgot":  {show: (*visit).showForgot, submit: (*visit).forgot, limit: authcore.LimitForgot},
		"/password/reset":   reset,
		"/reset":            reset, // where the mail leads
		"/onward":           {show: (*visit).showOnward},
		"/logout":           {show: (*visit).showLogout, submit: (*visit).logout},
		"/signed-out":       {show: (*visit).showSignedOut},
		"/account":          {show: (*visit).showAccount, submit: (*visit).saveProfile},
		"/account/password": {show: (*visit).showAccount, submit: (*visit).changePassword, limit: authcore.LimitLogin},
		"/account/sessions": {show: (*visit).showAccount, submit: (*visit).endSessions},
	}
}

// serve answers a request, or returns the error to show instead.
func (v *visit) serve() error {
	path, ok := strings.CutPrefix(v.r.URL.Path, v.prefix)
	if !ok {
		return errNoPage()
	}
	if v.look.has(path) {
		v.look.serve(v.w, v.r, path)
		return nil
	}
	if v.docs.Has(path) && (v.r.Method == http.MethodGet || v.r.Method == http.MethodHead) {
		return v.docs.Serve(v.w, v.r, path, v.prefix, v.here(v.look.icon))
	}
	to, ok := v.routes[path]
	if !ok {
		return v.noPage()
	}
	v.path = path
	switch v.r.Method {
	case http.MethodGet, http.MethodHead:
		if to.link != "" && v.takeLink(to.link) {
			return nil
		}
		return to.show(v)
	case http.MethodPost:
		if to.submit == nil {
			break
		}
		return v.post(to)
	}
	v.w.Header().Set("Allow", "GET, HEAD")
	if to.submit != nil {
		v.w.Header().Set("Allow", "GET, HEAD, POST")
	}
	return authcore.Refuse(authcore.MethodNotAllowed, "Method not allowed; see the Allow header.")
}

// post reads a form and does what it asks. What is refused is shown in the form, with what was typed.
func (v *visit) post(to page) error {
	if err := v.cfg.Authenticator.Origins().CheckForm(v.r, v.in.HTTPS); err != nil {
		return err
	}
	var err error
	if v.form, err = readForm(v.w, v.r); err != nil {
		return err
	}
	if err = v.cfg.Limits.Take(v.r.Context(), to.limit, v.in.Client.Addr); err == nil {
		err = to.submit(v)
	}
	if err == nil {
		return nil
	}
	if authcore.IsAnonymous(err) { // the session ended while the form was open
		return v.toLogin()
	}
	problem := httpauth.ToProblem(v.w.Header(), v.r, v.cfg.Logger, err)
	v.problem = &problem
	return to.show(v)
}

// noPage refuses a path that has no page, though the API may have a call there.
func (v *visit) noPage() error {
	if known, _ := v.cfg.API.Knows(v.prefix, v.r); !known {
		return errNoPage()
	}
	v.w.Header().Set("Allow", "OPTIONS, POST") // every call that knows GET is the API's to answer
	return authcore.Refuse(authcore.MethodNotAllowed, "This address belongs to the API, not to a page.")
}

func errNoPage() error {
	return authcore.Refuse(authcore.NotFound, "There is nothing at this address.")
}
