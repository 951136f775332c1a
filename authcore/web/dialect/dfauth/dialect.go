// Package dfauth is the dialect `df_auth`: the API of Django apps with django-df-auth, whose errors have an envelope of their own and
// whose tokens are sliding ones of djangorestframework-simplejwt.
package dfauth

import (
	"net/http"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/drf"
)

// Name is that of the dialect.
const Name = "df_auth"

// lifetime is that of a token, and how long after the sign-in it can be replaced.
const lifetime = 14 * 24 * time.Hour

// sentFor is what codes are sent for that come beside a password, see [session.Request].
const sentFor = Name

// Options are those of the package that the dialect stands for, and Fresh. For the dialect's calls they outrank the gateway's own.
type Options struct {
	AutoCreate     bool // who is new gets a code, and an account by it
	IdentityUpdate bool // a confirmed address or number becomes the account's own; else it becomes a second factor
	AnonymousOTP   bool // codes are sent to who shows no token
	Invite         bool // who is signed in invites
	DeferIdentity  bool // an address or number is saved only once it is verified; a username is required
	AutoSend       bool // signing up sends the code that verifies
	Fresh          bool // the first factor, and switching two-factor authentication on, ask for a recent sign-in or the password
}

// api is the dialect with its options.
type api struct{ Options }

// New returns the dialect.
func New(o Options) dialect.Dialect {
	d := &api{o}
	return dialect.Dialect{
		Name: Name, Title: "Authentication", Prefix: "/api/v1/auth", UserID: dialect.UserIDText, Failure: failure, Prepare: d.prepare,
		Form:   dialect.Form{Lifetimes: dialect.Lifetimes{Single: lifetime}, Access: claims},
		Routes: append(append(d.tokenRoutes(), d.deviceRoutes()...), d.userRoutes()...),
	}
}

// prepare makes the flows by which people sign up and sign in by codes here.
func (d *api) prepare(f *dialect.Flows) (err error) {
	if f.Codes, err = f.CodesAs(d.AutoCreate); err != nil {
		return err
	}
	f.SignUp, err = f.SignUpAs(func(s *signup.Settings) {
		s.Deferred = d.DeferIdentity
		// Of an account that is made at once the code proves a claim, which confirm/ takes; what waits needs the code of the registration.
		s.CodeOnDemand = !d.AutoSend || s.Mode() == signup.Open && !(d.DeferIdentity && d.IdentityUpdate)
	})
	return err
}

// claims are those of a SlidingToken whose TOKEN_TYPE_CLAIM is named "sliding", and the session.
func claims(i dialect.Issued) []jwtkeys.Member {
	return []jwtkeys.Member{{Name: "sliding", Value: "sliding"}, {Name: "exp", Value: i.ExpiresAt}, {Name: "iat", Value: i.IssuedAt}, {Name: "jti", Value: i.ID},
		{Name: "refresh_exp", Value: i.SignedIn + int64(lifetime/time.Second)}, {Name: "user_id", Value: i.UserID}, {Name: "sid", Value: i.Session}}
}

// optional returns fields that may be absent, empty or null, as the package's are.
func optional(names ...string) (all []drf.Field) {
	for _, name := range names {
		all = append(all, drf.Field{Name: name, Optional: true, Blank: true, Null: true, Secret: name == "password", Max: 512})
	}
	return all
}

// identities are the fields with whom somebody says to be.
var identities = []string{"username", "email", "phone_number"}

func (d *api) tokenRoutes() []dialect.Route {
	token, post := []drf.Field{{Name: "token"}}, http.MethodPost
	return []dialect.Route{
		{Action: "obtain", Method: post, Path: "/token", Summary: "Obtain a token", Limit: authcore.LimitLogin,
			Fields: append(optional(identities...), optional("password", "otp")...), Replies: []int{200, 400, 401, 403, 429}, Do: d.obtain},
		{Action: "refresh", Method: post, Path: "/token/refresh", Summary: "Refresh a token", Limit: authcore.LimitRefresh, Fields: token, Replies: []int{200, 400, 401, 429}, Do: refresh},
		{Action: "verify", Method: post, Path: "/token/verify", Summary: "Verify a token", Limit: authcore.LimitDialectVerify, Fields: token, Replies: []int{200, 400, 401, 429}, Do: verify},
		{Action: "blacklist", Method: post, Path: "/token/blacklist", Summary: "End the session of a token", Limit: authcore.LimitRefresh,
			Fields: []drf.Field{{Name: "refresh"}}, Replies: []int{200, 400, 401, 429}, Do: blacklist},
		{Action: "otp", Method: post, Path: "/otp", Summary: "Send a code", Maybe: true, Limit: authcore.LimitOTP,
			Fields: append(optional(identities...), optional("password", "otp", "redirect_path")...), Replies: []int{200, 400, 401, 403, 429}, Do: d.otp},
		{Action: "social", Method: post, Path: "/social", Summary: "Sign in by a provider's token", Maybe: true, Limit: authcore.LimitSocial,
			Fields: append([]drf.Field{{Name: "provider"}, {Name: "access_token"}}, optional("first_name", "last_name", "otp")...), Replies: []int{200, 400, 401, 403, 429}, Do: d.social},
		{Action: "connect", Method: post, Path: "/social/connect", Summary: "Connect an account at a provider", User: true, Limit: authcore.LimitSocial,
			Fields: append([]drf.Field{{Name: "provider"}, {Name: "access_token"}}, optional("first_name", "last_name", "password", "otp")...), Replies: []int{200, 400, 401, 403, 429}, Do: d.connect},
	}
}

func (d *api) deviceRoutes() []dialect.Route {
	proof := optional("password", "otp")
	return []dialect.Route{
		{Action: "otp_devices", Method: http.MethodGet, Path: "/otp-devices", Summary: "List devices", User: true, Replies: []int{200, 401}, Do: d.listDevices},
		{Action: "otp_devices", Method: http.MethodPost, Path: "/otp-devices", Summary: "Add a device", User: true, Limit: authcore.LimitVerify,
			Fields: append([]drf.Field{{Name: "type"}, {Name: "name", Optional: true, Blank: true, Null: true, Max: 254}}, proof...), Replies: []int{201, 400, 401, 403, 429}, Do: d.addDevice},
		{Action: "otp_device", Method: http.MethodGet, Path: "/otp-devices/{id}", Summary: "Show a device", User: true, Replies: []int{200, 400, 401, 404}, Do: d.showDevice},
		{Action: "otp_device", Method: http.MethodDelete, Path: "/otp-devices/{id}", Summary: "Remove a device", User: true, Fields: proof, Replies: []int{204, 400, 401, 403, 404}, Do: d.removeDevice},
		{Action: "confirm", Method: http.MethodPost, Path: "/otp-devices/{id}/confirm", Summary: "Confirm a device", Maybe: true, Limit: authcore.LimitVerify,
			Fields: append(append([]drf.Field{{Name: "otp"}}, optional(identities...)...), optional("password")...), Replies: []int{200, 400, 401, 403, 404, 429}, Do: d.confirmDevice},
	}
}

func (d *api) userRoutes() []dialect.Route {
	user := append(optional(identities...), optional("first_name", "last_name")...)
	return []dialect.Route{
		{Action: "users", Method: http.MethodPost, Path: "/users", Summary: "Sign up, or invite", Maybe: true, Limit: authcore.LimitRegister,
			Fields: append(user, optional("password")...), Replies: []int{201, 400, 401, 403, 429}, Do: d.createUser},
		{Action: "user", Method: http.MethodGet, Path: "/users/{id}", Summary: "Show yourself", User: true, Replies: []int{200, 401}, Do: showUser},
		{Action: "user", Method: http.MethodPatch, Path: "/users/{id}", Summary: "Change yourself", User: true, Fields: user, Replies: []int{200, 400, 401}, Do: changeUser},
		{Action: "set_password", Method: http.MethodPost, Path: "/users/{id}/set-password", Summary: "Set a password", User: true, Limit: authcore.LimitLogin,
			Fields: []drf.Field{{Name: "old_password", Secret: true}, {Name: "new_password", Secret: true}}, Replies: []int{200, 400, 401, 429}, Do: setPassword},
		{Action: "two_fa", Method: http.MethodGet, Path: "/users/{id}/two-fa", Summary: "Show two-factor authentication", User: true, Replies: []int{200, 401}, Do: showTwoFactor},
		{Action: "two_fa", Method: http.MethodPatch, Path: "/users/{id}/two-fa", Summary: "Switch two-factor authentication", User: true,
			Fields: append([]drf.Field{{Name: "is_required", Boolean: true, Optional: true}}, optional("password", "otp")...), Replies: []int{200, 400, 401, 403}, Do: d.switchTwoFactor},
	}
}

// request is how a client is signed in; otp is what came beside the first proof.
func request(x *dialect.Call, otp string) session.Request {
	r := x.Request(otp)
	r.SentFor = sentFor
	return r
}

// loginOf is whom a body names, as codes are asked for: an address goes before a number, and that before a username.
func loginOf(body drf.Values) passwordless.Login {
	switch {
	case body["email"] != "":
		return passwordless.Login{Email: body["email"]}
	case body["phone_number"] != "":
		return passwordless.Login{Phone: body["phone_number"]}
	}
	return passwordless.Login{Login: body["username"]}
}

// named is whom a body names, for a password.
func named(body drf.Values) string {
	for _, name := range identities {
		if body[name] != "" {
			return body[name]
		}
	}
	return ""
}

func empty() drf.Answer { return drf.Answer{Status: http.StatusOK, Body: drf.Object{}} }
