package portal

import (
	"cmp"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/avatar"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/device"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/account/export"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/fresh"
	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
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
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/apidocs"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// Config is what the pages need.
type Config struct {
	Sessions      *session.Sessions
	Devices       *device.Devices
	SignIn        *signin.Flow
	Passwordless  *passwordless.Flow
	Steps         *secondstep.Flow
	SignUp        *signup.Flow
	Profile       *profile.Profiles
	Password      *password.Flow
	Secure        *secure.Flow
	Contact       *contact.Flow
	Factors       *factor.Factors
	Closure       *closure.Flow
	Export        *export.Flow
	Fresh         *fresh.Gate
	Avatars       *avatar.Avatars
	History       *history.Flow
	Notifications *notification.Flow
	StepUp        *stepup.Flow
	Setup         *setup.Flow
	Invite        *invite.Flow
	Handover      *handover.Flow
	Federated     *federated.Flow
	Stats         *stats.Flow
	EventLog      *eventlog.Flow
	Admin         Administration
	Authenticator *httpauth.Authenticator
	Limits        *httpauth.Limits
	Trap          *honeytrap.Trap // nil: there is none
	API           API
	Issuers       func() []string // the origins of the portal
	Brand         string          // the name on every page; default "Gatehouse"
	// ReturnHosts returns the hosts that a sign-in at the given one (as in a Host header) may lead to: guarded ones, the given
	// one among them if it is guarded, and `redirect_hosts`, as [httpauth.HostAllowed] reads them. Nil: none.
	ReturnHosts func(host string) []string
	Logger      *slog.Logger
	Now         func() time.Time
}

// API is what the pages need of the JSON API that shares their paths.
type API interface {
	// Knows reports whether there is a call at the path of r, and whether there is one with its method.
	Knows(prefix string, r *http.Request) (path, method bool)
	// SignOut answers a request as POST <prefix>/logout does, whatever its path.
	SignOut(w http.ResponseWriter, r *http.Request)
}

//go:embed *.html
var templates embed.FS

// Pages serves the pages. It is safe for concurrent use.
type Pages struct {
	cfg    Config
	kit    *page.Kit
	docs   *apidocs.Page
	routes page.Routes
	next   *continuePage
}

func (cfg *Config) check() error {
	switch {
	case cfg.Sessions == nil || cfg.SignIn == nil || cfg.Passwordless == nil || cfg.Steps == nil || cfg.SignUp == nil || cfg.Password == nil || cfg.Handover == nil:
		return errors.New("portal: sessions, sign-in, codes and links, second steps, sign-up, password and hand-overs are required")
	case cfg.Profile == nil || cfg.Contact == nil || cfg.Avatars == nil || cfg.Devices == nil || cfg.Factors == nil || cfg.History == nil || cfg.Notifications == nil:
		return errors.New("portal: profile, contacts, avatars, devices, factors, history and notifications are required")
	case cfg.Federated == nil:
		return errors.New("portal: providers are required")
	case cfg.Secure == nil || cfg.Setup == nil || cfg.Invite == nil || cfg.Fresh == nil || cfg.StepUp == nil || cfg.Closure == nil || cfg.Export == nil:
		return errors.New("portal: security links, set-up, invitations, the gate of fresh sign-ins, step-ups, closures and exports are required")
	case cfg.Stats == nil || cfg.EventLog == nil || !cfg.Admin.complete():
		return errors.New("portal: the figures, events and accounts of the console are required")
	case cfg.Authenticator == nil || cfg.Limits == nil || cfg.API == nil || cfg.Issuers == nil || cfg.Logger == nil || cfg.Now == nil:
		return errors.New("portal: authenticator, limits, the API, issuers, logger and a clock are required")
	}
	return nil
}

// New checks cfg and reads every template and text.
func New(cfg Config) (*Pages, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.ReturnHosts == nil {
		cfg.ReturnHosts = func(string) []string { return nil }
	}
	p := &Pages{cfg: cfg, next: &continuePage{sessions: cfg.Sessions, factors: cfg.Factors}}
	var err error
	p.kit, err = page.New(page.Config{
		Authenticator: cfg.Authenticator, Limits: cfg.Limits, Fresh: cfg.Fresh, Brand: cmp.Or(cfg.Brand, "Gatehouse"), ReturnHosts: cfg.ReturnHosts,
		Locale: cfg.Profile.Locale, Identities: cfg.SignUp.Settings().Identities, Templates: templates, Logger: cfg.Logger, Now: cfg.Now,
	})
	if err != nil {
		return nil, err
	}
	if p.docs, err = apidocs.New(); err != nil {
		return nil, err
	}
	enrol := &enrolPage{secondstep.NewEnrolment(cfg.Steps), p.next}
	p.routes, err = page.NewRoutes(slices.Concat(
		(&loginPage{signIn: cfg.SignIn, codes: cfg.Passwordless, signUp: cfg.SignUp, factors: cfg.Factors, providers: cfg.Federated, trap: cfg.Trap, handover: &handoverPage{cfg.Handover, p.next}, next: p.next}).routes(),
		(&socialPages{cfg.Federated, p.next}).routes(),
		(&completePage{cfg.Federated, cfg.Profile.Fields(), cfg.Trap, p.next}).routes(),
		(&connectionsPage{cfg.Federated}).routes(),
		(&otpPage{cfg.Passwordless, cfg.SignIn, cfg.Trap}).routes(),
		(&otpVerifyPage{cfg.Passwordless, cfg.SignUp, cfg.Profile.Fields(), cfg.Trap, p.next}).routes(),
		(&reauthenticatePage{cfg.StepUp, p.next}).routes(),
		(&mfaPage{cfg.Steps, enrol, p.next}).routes(),
		enrol.routes(),
		logoutPage{}.routes(),
		p.next.routes(),
		(&registerPage{cfg.SignUp, cfg.Profile.Fields(), cfg.Federated, cfg.Trap}).routes(),
		(&invitationPage{cfg.Invite}).routes(),
		(&setupPage{cfg.Setup, cfg.SignUp}).routes(),
		(&resendPage{cfg.SignUp}).routes(),
		(&verifyPage{cfg.SignUp, p.next}).routes(),
		(&forgotPage{cfg.Password}).routes(),
		(&resetPage{cfg.Password, cfg.SignUp}).routes(),
		(&securePage{cfg.Secure, cfg.SignUp}).routes(),
		(&accountPage{cfg.Profile, cfg.Sessions, cfg.Devices, cfg.Factors, cfg.Invite, cfg.Password, cfg.Federated}).routes(),
		(&profilePage{cfg.Profile}).routes(),
		(&avatarPage{cfg.Profile, cfg.Avatars}).routes(),
		(&passwordPage{cfg.Password, cfg.SignUp, cfg.Profile}).routes(),
		(&sessionsPage{cfg.Sessions}).routes(),
		(&devicesPage{cfg.Devices}).routes(),
		(&invitationsPage{cfg.Profile, cfg.Invite}).routes(),
		(&emailPage{cfg.Profile, cfg.Contact}).routes(),
		(&phonePage{cfg.Profile, cfg.Contact}).routes(),
		(&factorsPage{cfg.Factors}).routes(),
		(&twoFactorPage{cfg.Factors}).routes(),
		(&historyPage{cfg.History}).routes(),
		(&notificationsPage{cfg.Notifications}).routes(),
		(&deletePage{cfg.Closure}).routes(),
		(&exportPage{cfg.Export}).routes(),
		consoleRoutes(&cfg),
	)...)
	return p, err
}

// Has reports whether a request below the prefix is for Handler and not for the API: every GET and HEAD of a page or a
// file that pages load, form posts to a page, and browsers that navigate to where neither has anything.
func (p *Pages) Has(prefix string, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return false
	}
	_, isPage := p.routes.Find(path)
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if isPage || p.kit.HasAsset(path) || p.docs.Has(path) {
			return true
		}
		_, method := p.cfg.API.Knows(prefix, r)
		return !method && httpauth.WantsHTML(r)
	case http.MethodPost:
		if !page.IsForm(r) {
			return false
		}
		known, _ := p.cfg.API.Knows(prefix, r)
		return isPage || !known && httpauth.WantsHTML(r)
	}
	return false
}

// Handler serves the pages under prefix ("/auth"; no final slash). The context of each request must carry what
// [httpauth.WithRequestInfo] puts there.
func (p *Pages) Handler(prefix string) http.Handler {
	return p.kit.Handler(prefix, p.serve)
}

// serve answers a request, or returns the error to show instead.
func (p *Pages) serve(q *page.Request) error {
	path, ok := strings.CutPrefix(q.R.URL.Path, q.Prefix)
	if !ok {
		return errNoPage()
	}
	if p.kit.HasAsset(path) {
		q.ServeAsset(path)
		return nil
	}
	if p.docs.Has(path) && (q.R.Method == http.MethodGet || q.R.Method == http.MethodHead) {
		return p.docs.Serve(q.W, q.R, path, q.Prefix, q.Icon())
	}
	if to, ok := p.routes.Find(path); ok {
		return to.Serve(q)
	}
	// There is no page, though the API may have a call there.
	if known, _ := p.cfg.API.Knows(q.Prefix, q.R); !known {
		return errNoPage()
	}
	q.W.Header().Set("Allow", "OPTIONS, POST") // every call that knows GET is the API's to answer
	return authcore.Refuse(authcore.MethodNotAllowed, "This address belongs to the API, not to a page.")
}

func errNoPage() error {
	return authcore.Refuse(authcore.NotFound, "There is nothing at this address.")
}

// errLinkGone is for a form that needs a link of which the cookie has gone.
func errLinkGone() error {
	return authcore.Refuse(authcore.InvalidCode, "The link is no longer valid.")
}
