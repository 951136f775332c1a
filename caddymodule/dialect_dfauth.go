package caddymodule

import (
	"errors"
	"slices"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/dfauth"
)

func init() { caddy.RegisterModule(new(DFAuth)) }

// DFAuth is the API of django-df-auth. What is not given is as the package has it.
type DFAuth struct {
	DialectSettings

	// Whether a code is sent to who has no account, and makes one (OTP_AUTO_CREATE_ACCOUNT). Default: true.
	AutoCreate bool `json:"auto_create"`
	// Whether a confirmed address or number becomes the account's own (OTP_IDENTITY_UPDATE_FIELD); else it becomes a second factor. Default: true.
	IdentityUpdate bool `json:"identity_update"`
	// Whether codes are sent to who shows no token (OTP_SEND_UNAUTHORIZED_USER). Default: true.
	AnonymousOTP bool `json:"anonymous_otp"`
	// Whether everybody who is signed in may invite (INVITE_ALLOWED). Default: true.
	Invite bool `json:"invite"`
	// Whether an address or number is saved only once it is confirmed (DEFER_IDENTITY_UPDATE). Default: false.
	DeferIdentity bool `json:"defer_identity,omitempty"`
	// Whether signing up sends the code that confirms (AUTO_SEND_IDENTITY_VERIFICATION_OTP). Default: false.
	AutoSend bool `json:"auto_send,omitempty"`
	// Whether the first factor, and switching two-factor authentication on, ask for a recent sign-in or the password. Default: true.
	Fresh bool `json:"fresh"`
}

// CaddyModule returns the module's description.
func (*DFAuth) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: dialectsNamespace + "." + dfauth.Name, New: func() caddy.Module {
		return &DFAuth{AutoCreate: true, IdentityUpdate: true, AnonymousOTP: true, Invite: true, Fresh: true}
	}}
}

// Dialect implements DialectModule.
func (m *DFAuth) Dialect() (dialect.Dialect, error) {
	return dfauth.New(dfauth.Options{AutoCreate: m.AutoCreate, IdentityUpdate: m.IdentityUpdate, AnonymousOTP: m.AnonymousOTP, Invite: m.Invite,
		DeferIdentity: m.DeferIdentity, AutoSend: m.AutoSend, Fresh: m.Fresh}), checkAll(dfAuthOptions, &m)
}

// Fits implements fitting.
func (m *DFAuth) Fits(s *Settings) error {
	if !slices.Contains(s.signIn(), signInCode) {
		return errors.New("it signs in by codes: add code to the option sign_in")
	}
	if !m.DeferIdentity {
		return nil
	}
	signsIn := len(s.Identities) == 0 || slices.Contains(s.Identities, string(authcore.KindUsername))
	if s.Signup != string(signup.Open) && s.Signup != string(signup.Closed) || !signsIn {
		return errors.New("defer_identity needs signup open, and username among the option identities")
	}
	return nil
}

var (
	ownDFAuthOptions = []option[*DFAuth]{
		{name: "auto_create", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).AutoCreate })},
		{name: "identity_update", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).IdentityUpdate })},
		{name: "anonymous_otp", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).AnonymousOTP })},
		{name: "invite", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).Invite })},
		{name: "defer_identity", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).DeferIdentity })},
		{name: "auto_send", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).AutoSend })},
		{name: "fresh", parse: readSwitch(func(m **DFAuth) *bool { return &(*m).Fresh })},
	}
	dfAuthOptions = dialectOptions(ownDFAuthOptions...)
)

// UnmarshalCaddyfile reads `df_auth [<prefix>] { … }`.
func (m *DFAuth) UnmarshalCaddyfile(d *caddyfile.Dispenser) error {
	return unmarshalDialect(d, dfAuthOptions, m)
}

// Interface guards
var (
	_ DialectModule         = (*DFAuth)(nil)
	_ fitting               = (*DFAuth)(nil)
	_ caddyfile.Unmarshaler = (*DFAuth)(nil)
)
