// Package gateway puts the capabilities together: every flow over one set of stores, keys, limits and mail. It knows no
// Caddy, so that the module, tests and other programs run the same wiring.
package gateway

import (
	"cmp"
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/breach"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// Store is what the flows read and write.
type Store interface {
	administrationStore
	accountsStore
	avatar.Store
	block.Store
	block.TrapStore
	challenge.Store
	notice.Store
	signup.Store
	closure.Store
	contact.Store
	device.Store
	eventlog.Store
	export.Store
	factor.Store
	federated.Store
	federated.Transit
	federated.ConsentStore
	fresh.Store
	handover.Store
	history.Store
	breach.Store
	notification.Store
	setup.Store
	invite.Store
	password.Store
	secondstep.Store
	secure.Store
	profile.Store
	session.Store
	signin.Store
}

// Config is what the flows stand on. Every field is required but those that say otherwise.
type Config struct {
	Store    Store
	Ring     *keyring.Ring // it may be loaded later, before the first request
	Hasher   *passhash.Hasher
	Limiter  authcore.Limiter
	Lockouts Lockouts
	Proofs   attempt.Lockouts // of sessions that prove themselves by a password
	Codes    attempt.Lockouts // of accounts: wrong codes of second factors (lockout.CodePolicy)
	Mailer   challenge.Mailer
	Sealer   *secret.Sealer
	// CanReach returns false for a normalised address to which mails are known not to go out. It must not wait. It may be nil.
	CanReach func(address string) bool
	Blocks   *block.Blocks // whom the operator keeps out; nil: nobody
	// MayIssue is asked before tokens are issued; an error refuses them. It may be nil.
	MayIssue func() error
	Now      authcore.Clock

	Settings Settings
	Traces   Traces
}

// Settings are what an operator chooses. The zero value of a number is the contract's default, and nil that of a function. Functions
// are asked at each use, for what they return may change while the flows run; they must wait for nothing.
type Settings struct {
	Signup       func() signup.Mode        // required
	UserFields   userfield.Set             // that the operator has added
	Deferred     bool                      // with signup open: an address or number is saved only once it is verified
	CodeOnDemand bool                      // signing up sends no code by itself
	Identities   []authcore.IdentifierKind // that sign in; at least one
	Admins       authcore.Admins
	Invitation   InvitationSettings
	Password     passpolicy.Config
	// BreachedAtLogin is what happens to a sign-in with a password of a known breach (Password.Breached); it is asked each time. Nil: nothing.
	BreachedAtLogin func() breach.AtLogin
	Code            CodeSettings
	Numbers         identifier.Numbers // how phone numbers are read, which are taken, and whether codes and notices go to them by SMS

	Audience      []string // `aud` of tokens; empty is the issuer of each
	Lifetimes     func() session.Lifetimes
	RefreshLeeway time.Duration
	ShortSession  time.Duration        // of sign-ins with "remember": false
	MaxSessions   int                  // of an account
	FreshFor      func() time.Duration // how long a sign-in is fresh
	DeletionGrace time.Duration        // how long a deletion waits; 0: none

	Ways passwordless.Ways // to sign in without a password
	// NoPassword says that nobody signs in by a password: none is taken or asked for, and what only passwords need is off.
	NoPassword bool
	// ByCode gives who proves by a code or link an address or number that is no account's an account.
	ByCode    bool
	Providers []federated.Settings // of identity, in the order in which they are shown

	Trap TrapSettings // of the honey trap; the zero value is none

	Factors []authcore.FactorType // that may be added and count; nil: all but SMS
	// PasskeysSecond says that passkeys do not sign in by themselves: they are second factors alone.
	PasskeysSecond bool
	Passkeys       webauthn.Parties // its Name is Brand where it is empty
	Brand          string           // what authenticator apps show beside a code; "": the host of the issuer
	MFA            secondstep.Requirement
	TrustFor       time.Duration // how long a trusted device is asked for no second factor; 0: none is trusted
}

// InvitationSettings say who may invite.
type InvitationSettings struct {
	Inviters authcore.Inviters
	Lifetime time.Duration
	Pending  int // how many open ones an account may have
}

// CodeSettings are those of one-time codes and links.
type CodeSettings struct {
	Length   int                  // digits
	Lifetime func() time.Duration // also of links, unless they live longer
	// SMSLifetime is that of codes that go by SMS; 0: as Lifetime.
	SMSLifetime time.Duration
	Attempts    func() int // wrong codes per purpose and subject in an hour
}

// Traces are told of steps of the flows. Each may be nil.
type Traces struct {
	SignIn, SignUp, StepUp, Refresh, Handover authcore.Trace
	// CodeSent is told of every code that goes out.
	CodeSent func(by authcore.Channel, p authcore.Purpose)
	// SecondFactor is told how each use of a second factor has ended.
	SecondFactor func(t authcore.FactorType, outcome string)
	Provider     func(provider string, err error) // how each sign-in by a provider has ended, see federated.Config.Told
	AdminCall    func(error)                      // how each call of the administration has ended
}

// Flows is what people do with accounts. They are safe for concurrent use.
type Flows struct {
	Policy       *passpolicy.Policy
	Breach       *breach.Flow
	Challenges   *challenge.Issuer
	Notices      *notice.Notices
	Factors      *factor.Factors
	Sessions     *session.Sessions
	Devices      *device.Devices
	Steps        *secondstep.Flow
	SignIn       *signin.Flow
	Passwordless *passwordless.Flow
	SignUp       *signup.Flow
	Password     *password.Flow
	Secure       *secure.Flow
	Profile      *profile.Profiles
	Avatars      *avatar.Avatars
	Contact      *contact.Flow
	Fresh        *fresh.Gate
	Handover     *handover.Flow
	Setup        *setup.Flow
	Invite       *invite.Flow
	Closure      *closure.Flow
	Export       *export.Flow
	History      *history.Flow

	Administration

	Notifications *notification.Flow
	StepUp        *stepup.Flow
	Federated     *federated.Flow
	Consents      *federated.Consents

	cursors *cursor.Signer

	signUp signup.Config
	codes  passwordless.Config
}

// NewFlows checks cfg and wires the flows. It does no I/O.
func NewFlows(cfg Config) (*Flows, error) {
	f := &Flows{}
	for _, wire := range []func(Config) error{f.wireShared, f.wireSessions, f.wireAccounts, f.wireOwner, f.wireFederated, f.wireAdministration} {
		if err := wire(cfg); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// wireShared makes what several flows stand on.
func (f *Flows) wireShared(cfg Config) (err error) {
	if f.Policy, err = passpolicy.New(cfg.Settings.Password); err != nil {
		return err
	}
	if f.cursors, err = cursor.NewSigner(Cursors(cfg.Ring)); err != nil {
		return err
	}
	code := cfg.Settings.Code
	var reaches func(string) bool
	if cfg.Settings.Numbers.Texts {
		reaches = cfg.Settings.Numbers.Reaches
	}
	f.Challenges, err = challenge.New(challenge.Config{Store: cfg.Store, Limiter: cfg.Limiter, Mailer: cfg.Mailer, Key: CodeKey(cfg.Ring),
		Length: code.Length, Lifetime: code.Lifetime, SMSLifetime: code.SMSLifetime, Attempts: code.Attempts, Reaches: reaches,
		ClientKey: ratelimit.AddressKey, MaySend: cfg.Blocks.MaySend, Sent: cfg.Traces.CodeSent, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Notices, err = notice.New(notice.Config{Store: cfg.Store, Mailer: cfg.Mailer, MayText: f.Challenges.MayText, Sealer: cfg.Sealer, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Factors, err = factor.New(factor.Config{Store: cfg.Store, Challenges: f.Challenges, Notices: f.Notices, Sealer: cfg.Sealer,
		Key: RecoveryKey(cfg.Ring), Offered: cfg.Settings.Factors, Required: f.requiredMFA, FreshFor: cfg.Settings.FreshFor, Ways: cfg.Settings.WaysIn(), Connected: f.connected, Brand: cfg.Settings.Brand, Parties: parties(cfg.Settings),
		Numbers: cfg.Settings.Numbers, CanReach: cfg.CanReach, Trace: cfg.Traces.SecondFactor, Now: cfg.Now})
	return err
}

// wireSessions makes the ways in, and on to other hosts.
func (f *Flows) wireSessions(cfg Config) (err error) {
	s := cfg.Settings
	f.Sessions, err = session.New(session.Config{Store: cfg.Store, Admins: s.Admins, Fields: s.UserFields, Keys: cfg.Ring, Notices: f.Notices,
		Audience: s.Audience, Lifetimes: s.Lifetimes,
		RefreshLeeway: s.RefreshLeeway, ShortSession: s.ShortSession, MaxSessions: s.MaxSessions, MayIssue: cfg.MayIssue, Trace: cfg.Traces.Refresh, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Steps, err = secondstep.New(secondstep.Config{Store: cfg.Store, Sessions: f.Sessions, Factors: f.Factors, Notices: f.Notices, Hasher: cfg.Hasher,
		Policy: f.Policy, Lockouts: cfg.Lockouts, Proofs: cfg.Proofs, Codes: cfg.Codes, Key: macKey(cfg.Ring, "pending sign-in"), Lifetime: f.Challenges.Lifetime,
		Required: s.MFA, Blocks: cfg.Blocks, NoPassword: s.NoPassword, TrustFor: s.TrustFor, FreshFor: s.FreshFor, Admins: s.Admins, Texts: f.Challenges.SMS(), Trace: cfg.Traces.SignIn, StepUps: cfg.Traces.StepUp, Now: cfg.Now})
	if err != nil {
		return err
	}
	if f.Devices, err = device.New(device.Config{Store: cfg.Store, Now: cfg.Now}); err != nil {
		return err
	}
	var passkeys signin.Passkeys
	if !s.PasskeysSecond {
		passkeys = f.Factors
	}
	f.SignIn, err = signin.New(signin.Config{ReadDevice: f.Sessions.DeviceDigest, Store: cfg.Store, Hasher: cfg.Hasher, Policy: f.Policy, Lockouts: cfg.Lockouts, Owners: f.Notices,
		Steps: f.Steps, Passkeys: passkeys, NoPassword: s.NoPassword, Identities: s.Identities, Numbers: s.Numbers, Breached: f.breached, RequireVerified: s.requireVerified, Trace: cfg.Traces.SignIn, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Handover, err = handover.New(handover.Config{Store: cfg.Store, Challenges: f.Challenges, Sessions: f.Sessions,
		Key: macKey(cfg.Ring, "hand-over"), Trace: cfg.Traces.Handover, Now: cfg.Now})
	return err
}

// wireAccounts makes and changes accounts.
func (f *Flows) wireAccounts(cfg Config) (err error) {
	f.Invite, err = invite.New(invite.Config{Store: cfg.Store, Mailer: cfg.Mailer, Limiter: cfg.Limiter, Cursors: f.cursors, Admins: cfg.Settings.Admins,
		Inviters: cfg.Settings.Invitation.Inviters, Identities: cfg.Settings.Identities, Numbers: cfg.Settings.Numbers, Texts: f.Challenges, Blocks: cfg.Blocks,
		Lifetime: cfg.Settings.Invitation.Lifetime, Pending: cfg.Settings.Invitation.Pending, Now: cfg.Now})
	if err != nil {
		return err
	}
	s, salt := cfg.Settings, macKey(cfg.Ring, "password salt")
	f.signUp = signup.Config{Store: cfg.Store, Invitations: f.Invite, Notices: f.Notices, Hasher: cfg.Hasher, Policy: f.Policy, Challenges: f.Challenges,
		Steps: f.Steps, Settings: signup.Settings{Mode: s.Signup, Deferred: s.Deferred, CodeOnDemand: s.CodeOnDemand, Identities: s.Identities,
			Passwords: s.WaysIn().Passwords()},
		Fields: s.UserFields, Locales: httpauth.Languages(), Numbers: s.Numbers, Blocks: cfg.Blocks, Confirm: f.confirm, Trace: cfg.Traces.SignUp,
		CanReach: cfg.CanReach, Salt: func(address string) []byte { return salt().MAC([]byte(address)).Bytes()[:16] }, Now: cfg.Now}
	if f.SignUp, err = signup.New(f.signUp); err != nil {
		return err
	}
	f.codes = passwordless.Config{Store: cfg.Store, Challenges: f.Challenges, Steps: f.Steps, Ways: s.Ways, ByCode: signup.ByCode{Flow: f.SignUp}, Newcomers: s.ByCode,
		Identities: s.Identities, Numbers: s.Numbers, Key: macKey(cfg.Ring, "sign-in binding"), Trace: cfg.Traces.SignIn, Now: cfg.Now}
	if f.Passwordless, err = passwordless.New(f.codes); err != nil {
		return err
	}
	f.Password, err = password.New(password.Config{ReadDevice: f.Sessions.DeviceDigest, Store: cfg.Store, Hasher: cfg.Hasher, Policy: f.Policy, Challenges: f.Challenges,
		Notices: f.Notices, Factors: f.Factors, Lockouts: cfg.Lockouts, Off: s.NoPassword, Identities: s.Identities, Numbers: s.Numbers, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Breach, err = breach.New(breach.Config{Store: cfg.Store, Resets: f.Password, Notices: f.Notices, Has: s.Password.Breached, AtLogin: s.BreachedAtLogin, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Secure, err = secure.New(secure.Config{Store: cfg.Store, Notices: f.Notices, Challenges: f.Challenges, Factors: f.Factors, NoPassword: s.NoPassword, Identities: s.Identities, Now: cfg.Now})
	if err != nil {
		return err
	}
	if f.Avatars, err = avatar.New(avatar.Config{Store: cfg.Store, Now: cfg.Now}); err != nil {
		return err
	}
	f.Profile, err = profile.New(profile.Config{Store: cfg.Store, Notices: f.Notices, Factors: f.Factors, Identities: s.Identities, Fields: s.UserFields,
		Locales: httpauth.Languages(), Numbers: s.Numbers, Admins: s.Admins, Blocks: cfg.Blocks, Now: cfg.Now})
	return err
}

// requiredMFA returns by what the operator demands a second factor of an account; "" where they do not.
func (f *Flows) requiredMFA(a authcore.Account) string {
	by := f.Steps.RequiredBy(a)
	if by == factor.ByAccount {
		return ""
	}
	return by
}

// breached looks at the password of a sign-in.
func (f *Flows) breached(ctx context.Context, a authcore.Account, password string, c authcore.Client) error {
	return f.Breach.SignIn(ctx, a, password, c)
}

// confirm sends a code for an address that an account has pending.
func (f *Flows) confirm(ctx context.Context, account uuid.UUID, p authcore.Pending, c authcore.Client) (err error) {
	if p.Channel == authcore.BySMS {
		_, err = f.Contact.RequestPhone(ctx, account, p.Address, c)
	} else {
		_, err = f.Contact.RequestEmail(ctx, account, p.Address, c)
	}
	return err
}

// wireOwner makes what only the owner of an account does.
func (f *Flows) wireOwner(cfg Config) (err error) {
	f.Fresh, err = fresh.New(fresh.Config{Store: cfg.Store, Hasher: cfg.Hasher, Policy: f.Policy, Steps: f.Steps, Lockouts: cfg.Lockouts, Owners: f.Notices, Sessions: cfg.Proofs, Sent: secondstep.Ahead{Flow: f.Steps}.Prove,
		NoPassword: cfg.Settings.NoPassword, For: cfg.Settings.FreshFor, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.StepUp, err = stepup.New(stepup.Config{Store: cfg.Store, Gate: f.Fresh, Steps: f.Steps, Trace: cfg.Traces.StepUp})
	if err != nil {
		return err
	}
	f.Contact, err = contact.New(contact.Config{Store: cfg.Store, Challenges: f.Challenges, Notices: f.Notices, Factors: f.Factors, Identities: cfg.Settings.Identities,
		CanReach: cfg.CanReach, Numbers: cfg.Settings.Numbers, Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Setup, err = setup.New(setup.Config{Store: cfg.Store, Hasher: cfg.Hasher, Policy: f.Policy, Steps: f.Steps, Contact: f.Contact,
		Identities: cfg.Settings.Identities, Passwords: cfg.Settings.WaysIn().Passwords(), Now: cfg.Now})
	if err != nil {
		return err
	}
	f.Closure, err = closure.New(closure.Config{Store: cfg.Store, Challenges: f.Challenges, Notices: f.Notices, Grace: cfg.Settings.DeletionGrace,
		MayDelete: cfg.MayIssue, Now: cfg.Now})
	if err != nil {
		return err
	}
	if f.Export, err = export.New(export.Config{Store: cfg.Store, Now: cfg.Now}); err != nil {
		return err
	}
	if f.History, err = history.New(history.Config{Store: cfg.Store, Cursors: f.cursors}); err != nil {
		return err
	}
	f.Notifications, err = notification.New(notification.Config{Store: cfg.Store, Notices: f.Notices, Now: cfg.Now})
	return err
}

func parties(s Settings) webauthn.Parties {
	p := s.Passkeys
	p.Name = cmp.Or(p.Name, s.Brand)
	return p
}

// requireVerified reports whether accounts have to have something verified.
func (s Settings) requireVerified() bool { return s.Signup() != signup.Open }
