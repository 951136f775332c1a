package httpapi

import (
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// call is one request on its way through a call, and its answer.
type call struct {
	w     http.ResponseWriter
	r     *http.Request
	in    httpauth.RequestInfo
	who   *authcore.Principal // who makes the call; nil where the call asks for nobody
	mount *mount
	now   authcore.Clock
	// end writes the event of a call of the administration, once, and returns what to answer with; nil for every other call.
	end func(error) error

	admins authcore.Admins
	fields userfield.Set   // that the operator has added to accounts
	trap   *honeytrap.Trap // nil: there is none
}

// caller says whose word a call takes.
type caller int

const (
	anybody  caller = iota // no credential is looked at
	holder                 // who holds what the body says, or what a cookie of the browser says in its place
	signedIn               // a bearer token, or the cookies of a browser
)

// action is what a call does, and what it takes. It is made by [anonymous], [anonymousWith], [bodyOrCookie], [authenticated] and
// [authenticatedWith] alone, so that a call reads the very type that the document shows. Each do answers the request, or
// returns the error that WriteError answers with; then it has written no body.
type action struct {
	caller caller
	body   reflect.Type // the struct that the JSON body is read into; nil: there is none
	read   func(x *call, optional bool) (any, error)
	do     func(x *call, body any) error
}

// usesCookies is a body of a call that can act by cookies.
type usesCookies interface {
	// byCookie reports whether the call acts by a cookie: reads one in place of what the body leaves out, or sets one. Only
	// a browser does that, and a foreign page could have made it (B04).
	byCookie(r *http.Request, in httpauth.RequestInfo) bool
}

// anonymous is a call for anybody, without a body.
func anonymous(do func(*call) error) action { return bare(anybody, do) }

// anonymousWith is a call for anybody.
func anonymousWith[B any](do func(*call, B) error) action { return with(anybody, do) }

// bodyOrCookie is a call for whoever holds something, in the body or in a cookie.
func bodyOrCookie[B usesCookies](do func(*call, B) error) action { return with(holder, do) }

// authenticated is a call of somebody who is signed in, without a body.
func authenticated(do func(*call) error) action { return bare(signedIn, do) }

// authenticatedWith is a call of somebody who is signed in.
func authenticatedWith[B any](do func(*call, B) error) action { return with(signedIn, do) }

func bare(c caller, do func(*call) error) action {
	return action{
		caller: c,
		read:   func(*call, bool) (any, error) { return nil, nil },
		do:     func(x *call, _ any) error { return do(x) },
	}
}

func with[B any](c caller, do func(*call, B) error) action {
	return action{
		caller: c,
		body:   reflect.TypeFor[B](),
		read: func(x *call, optional bool) (any, error) {
			var body B
			read := readBody
			if optional {
				read = readOptionalBody
			}
			err := read(x.w, x.r, &body)
			return body, err
		},
		do: func(x *call, body any) error { return do(x, body.(B)) },
	}
}

// perform answers a request for the call of to: counts it, finds out who makes it, reads its body, and asks where it comes
// from when a cookie speaks in it. No call does any of these by itself.
func (a *API) perform(x *call, to route) error {
	if err := a.count(x, to); err != nil {
		return err
	}
	if to.admin != authcore.NoAccess {
		if err := a.gate.Admit(x.r.Context(), x.adminCall(to.event, to.admin), func() error { return a.countAccount(x, authcore.LimitAdmin, to.path) }); err != nil {
			return err
		}
	}
	body, err := to.does.read(x, to.optional)
	if err != nil {
		return err
	}
	if c, ok := body.(usesCookies); ok && c.byCookie(x.r, x.in) {
		if err := a.auth.Origins().Check(x.r, x.in.HTTPS); err != nil {
			return err
		}
	}
	if to.fresh {
		if err := a.checkFresh(x, body); err != nil {
			return err
		}
	}
	if to.admin == authcore.NoAccess {
		return to.does.do(x, body)
	}
	return a.administer(x, to, body)
}

// administer performs a call of the administration and has it told by its event.
func (a *API) administer(x *call, to route, body any) error {
	ctx, end := a.gate.Begin(x.r.Context(), x.adminCall(to.event, to.admin))
	x.r, x.end = x.r.WithContext(ctx), end
	return end(to.does.do(x, body))
}

func (x *call) adminCall(kind authcore.EventKind, access authcore.Access) admin.Call {
	return admin.Call{Kind: kind, Access: access, Actor: x.who.AccountID, SessionID: x.who.SessionID, Client: x.in.Client}
}

// tell writes the event of a call of the administration. It comes before the first byte of an answer: nothing is shown to an administrator
// of which no event tells (M07).
func (x *call) tell() error {
	if x.end == nil {
		return nil
	}
	return x.end(nil)
}

// count counts a call against its limit, by address before its sender is asked for, and finds out who makes it.
func (a *API) count(x *call, to route) (err error) {
	if err := a.limits.Take(x.r.Context(), x.w.Header(), to.limit, to.path, x.in.Client.Addr); err != nil {
		return err
	}
	if to.does.caller != signedIn {
		return a.limits.TakeCaller(x.w.Header(), x.r, x.in, a.auth, to.limit, to.path)
	}
	if x.who, err = a.auth.Authenticate(x.w, x.r, x.in); err != nil {
		return err
	}
	x.r = x.r.WithContext(authcore.ActAs(x.r.Context(), x.who.Holder()))
	return a.countAccount(x, to.limit, to.path)
}

// countAccount counts a call of somebody who is signed in.
func (a *API) countAccount(x *call, limit, path string) error {
	return a.limits.TakeAccount(x.r.Context(), x.w.Header(), limit, path, x.who.AccountID)
}

// answer writes a JSON answer.
func (x *call) answer(status int, body any) error {
	if err := x.tell(); err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil { // unreachable: every body of this package is made of strings, numbers and lists of them
		panic(err)
	}
	httpauth.WriteBody(x.w, x.r, status, "application/json", text)
	return nil
}

// done answers that there is nothing to say.
func (x *call) done() error {
	if err := x.tell(); err != nil {
		return err
	}
	x.w.WriteHeader(http.StatusNoContent)
	return nil
}

// forgetCookies clears the cookies of a browser that has ended its own session.
func (x *call) forgetCookies() {
	if x.who.Credential == authcore.SessionCookie {
		x.in.Cookies().ClearSession(x.w.Header())
	}
}
