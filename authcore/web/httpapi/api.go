package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
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
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stepup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// Config is what an API needs: the capabilities it speaks for, and how it meets the outside.
type Config struct {
	Sessions     *session.Sessions
	Devices      *device.Devices
	SignIn       *signin.Flow
	Steps        *secondstep.Flow
	Federated    *federated.Flow
	Consents     *federated.Consents
	Passwordless *passwordless.Flow
	SignUp       *signup.Flow
	Profile      *profile.Profiles
	Password     *password.Flow
	Secure       *secure.Flow
	Contact      *contact.Flow
	Factors      *factor.Factors
	Fresh        *fresh.Gate
	Setup        *setup.Flow
	Invite       *invite.Flow
	Closure      *closure.Flow
	Export       *export.Flow
	Avatars      *avatar.Avatars
	History      *history.Flow
	JWKS         func() []byte // the public keys of access tokens, RFC 7517

	AdminGate     *admin.Gate
	Tuning        *tuning.Flow
	SigningKeys   SigningKeys
	Directory     *admin.Directory
	AllSessions   *admin.Sessions
	BlockRules    *block.Manager
	Users         *admin.Users
	Stats         *stats.Flow
	EventLog      *eventlog.Flow
	EventLive     *eventlog.Live
	Connections   Connections
	Unlocker      *admin.Unlocker
	Explain       Explainer
	Notifications *notification.Flow
	StepUp        *stepup.Flow
	// DialectToken returns what a token of a dialect says that is good now; nil for any other token. It may be nil.
	DialectToken  func(ctx context.Context, token string) (map[string]any, error)
	Authenticator *httpauth.Authenticator
	Limits        *httpauth.Limits
	Trap          *honeytrap.Trap // nil: there is none
	// CookiePrefix begins the names of the cookies, for the description of the calls; "" is the default.
	CookiePrefix string
	// Ready reports whether this node can serve, and what does not work, in words for anybody to read.
	Ready  func(context.Context) (ok bool, reasons []string)
	Logger *slog.Logger
	Now    authcore.Clock
	Admins authcore.Admins
	Offer  Offer // what `GET /config` answers
}

// check returns an error that names what is missing.
func (c Config) check() error {
	switch {
	case c.Sessions == nil || c.SignIn == nil || c.Steps == nil || c.Passwordless == nil || c.SignUp == nil || c.Profile == nil || c.Password == nil:
		return errors.New("httpapi: sessions, sign-in, second steps, sign-up, profile and password are required")
	case c.JWKS == nil || c.Authenticator == nil || c.Limits == nil || c.Ready == nil || c.Logger == nil || c.Now == nil:
		return errors.New("httpapi: keys, authenticator, limits, readiness, logger and clock are required")
	case c.AdminGate == nil || c.Directory == nil || c.AllSessions == nil || c.Explain == nil || c.Users == nil || c.Unlocker == nil || c.BlockRules == nil || c.Stats == nil || c.EventLog == nil || c.EventLive == nil || c.Connections == nil || c.Tuning == nil || c.SigningKeys == nil:
		return errors.New("httpapi: what administers is required")
	case c.Notifications == nil || c.StepUp == nil || c.Federated == nil || c.Consents == nil:
		return errors.New("httpapi: notifications, step-ups and providers are required")
	case c.Setup == nil || c.Invite == nil || c.Secure == nil || c.Contact == nil || c.Factors == nil || c.Fresh == nil || c.Closure == nil || c.Export == nil || c.Avatars == nil || c.History == nil || c.Devices == nil:
		return errors.New("httpapi: set-up, invitations, security links, contacts, factors, the gate of fresh sign-ins, closures, avatars, history and devices are required")
	}
	return nil
}

// API answers the calls of contract §4. It is safe for concurrent use.
type API struct {
	routes       routes
	cookiePrefix string
	auth         *httpauth.Authenticator
	fresh        freshGate
	gate         *admin.Gate
	limits       *httpauth.Limits
	log          *slog.Logger
	now          authcore.Clock
	admins       authcore.Admins
	fields       userfield.Set
	trap         *honeytrap.Trap
}

// New checks cfg and mounts every call.
func New(cfg Config) (*API, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	all, err := mountAll(cfg)
	if err != nil {
		return nil, fmt.Errorf("httpapi: %w", err)
	}
	return &API{routes: all, cookiePrefix: cfg.CookiePrefix, auth: cfg.Authenticator, fresh: cfg.Fresh, gate: cfg.AdminGate, limits: cfg.Limits, log: cfg.Logger, now: cfg.Now, admins: cfg.Admins,
		fields: cfg.Profile.Fields(), trap: cfg.Trap}, nil
}

// mountAll is the one list of what there is to call.
func mountAll(cfg Config) (routes, error) {
	return newRoutes(
		(&signUpCalls{flow: cfg.SignUp, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&setupCalls{flow: cfg.Setup, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&invitationCalls{cfg.Invite, cfg.AdminGate, cfg.Limits}).routes(),
		(&explainCalls{cfg.Explain}).routes(),
		(&offerCalls{cfg.Offer, cfg.SignUp, cfg.Factors, cfg.Federated}).routes(),
		(&signInCalls{signIn: cfg.SignIn, codes: cfg.Passwordless, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&codeCalls{codes: cfg.Passwordless, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&socialCalls{flow: cfg.Federated, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&connectionCalls{cfg.Federated}).routes(),
		(&changeCalls{cfg.Consents, cfg.Logger}).routes(),
		(&stepUpCalls{cfg.StepUp, cfg.Sessions, cfg.Logger}).routes(),
		(&passkeyCalls{signIn: cfg.SignIn, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&secondStepCalls{steps: cfg.Steps, sessions: cfg.Sessions, log: cfg.Logger}).routes(),
		(&tokenCalls{sessions: cfg.Sessions, auth: cfg.Authenticator, dialect: cfg.DialectToken}).routes(),
		(&passwordCalls{passwords: cfg.Password, fresh: cfg.Fresh}).routes(),
		(&profileCalls{profile: cfg.Profile}).routes(),
		(&avatarCalls{avatars: cfg.Avatars}).routes(),
		(&secureCalls{flow: cfg.Secure}).routes(),
		(&contactCalls{contacts: cfg.Contact}).routes(),
		(&factorCalls{factors: cfg.Factors, limits: cfg.Limits}).routes(),
		(&factorCalls{factors: cfg.Factors, limits: cfg.Limits}).mfaRoutes(),
		(&closureCalls{closure: cfg.Closure}).routes(),
		(&exportCalls{export: cfg.Export}).routes(),
		(&sessionCalls{sessions: cfg.Sessions}).routes(),
		(&historyCalls{cfg.History}).routes(),
		(&deviceCalls{cfg.Devices}).routes(),
		(&notificationCalls{cfg.Notifications, cfg.Fresh}).routes(),
		(&settingCalls{cfg.Tuning}).routes(),
		(&signingKeyCalls{cfg.SigningKeys}).routes(),
		(&adminUserCalls{cfg.Directory}).routes(),
		(&adminStatsCalls{cfg.Stats}).routes(),
		(&adminEventCalls{cfg.EventLog}).routes(),
		(&streamCalls{cfg.EventLive, cfg.AdminGate, cfg.Connections}).routes(),
		(&adminSessionCalls{cfg.AllSessions, cfg.Directory}).routes(),
		(&adminBlockCalls{cfg.BlockRules}).routes(),
		(&adminChangeCalls{cfg.Users, cfg.Directory, cfg.Closure}).routes(),
		(&adminHelpCalls{cfg.Directory, cfg.Unlocker, cfg.Sessions, cfg.Password, cfg.SignUp, cfg.Factors}).routes(),
		(&machineCalls{keySet: cfg.JWKS, ready: cfg.Ready}).routes(),
	)
}

// Knows reports whether the API has a call at the path of r, and whether it has one with the method of r.
func (a *API) Knows(prefix string, r *http.Request) (path, method bool) {
	rest, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return false, false
	}
	methods, _, ok := a.routes.find(rest)
	if !ok {
		return false, false
	}
	name := r.Method
	if name == http.MethodHead {
		name = http.MethodGet
	}
	_, method = methods[name]
	return true, method || name == http.MethodOptions
}

// mount is an API under one prefix.
type mount struct {
	prefix   string
	document func() (document, error) // made once
}

// Handler serves the API under prefix ("/auth"; no final slash) and answers every other path with not_found. The
// context of each request must carry what [httpauth.WithRequestInfo] puts there.
func (a *API) Handler(prefix string) http.Handler {
	// The document is made when somebody asks for it: it takes longer than the rest of a start.
	m := &mount{prefix: prefix, document: sync.OnceValues(func() (document, error) { return newDocument(a.routes, a.cookiePrefix, prefix) })}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.answer(w, r, func(x *call) error {
			x.mount = m
			return a.serve(x)
		})
	})
}

// answer does what every request needs around serve.
func (a *API) answer(w http.ResponseWriter, r *http.Request, serve func(*call) error) {
	defer a.recoverPanic(w, r)
	in, err := httpauth.RequestInfoFrom(r.Context())
	httpauth.SecureHeaders(w.Header(), in.HTTPS)
	w.Header().Set("Cache-Control", "no-store")
	if err == nil {
		err = serve(&call{w: w, r: r, in: in, now: a.now, admins: a.admins, fields: a.fields, trap: a.trap})
	}
	if err != nil {
		httpauth.WriteError(w, r, a.log, err)
	}
}

// recoverPanic turns a panic into a generic answer; the process lives on (M10). http.ErrAbortHandler is net/http's own
// way to drop a connection and goes on its way.
func (a *API) recoverPanic(w http.ResponseWriter, r *http.Request) {
	switch p := recover(); p {
	case nil:
	case http.ErrAbortHandler:
		panic(p)
	default:
		httpauth.WriteError(w, r, a.log, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
	}
}

// SignOut answers a request as POST <prefix>/logout does, whatever its path, for hosts without an API. Its context must
// carry what [httpauth.WithRequestInfo] puts there.
func (a *API) SignOut(w http.ResponseWriter, r *http.Request) {
	a.answer(w, r, func(x *call) error { return a.perform(x, a.routes["/logout"][http.MethodPost]) })
}
