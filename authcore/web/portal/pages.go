package portal

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/handover"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/apidocs"
)

// Config is what the pages need.
type Config struct {
	Sessions      *session.Sessions
	SignIn        *signin.Flow
	SignUp        *signup.Flow
	Profile       *profile.Profiles
	Password      *password.Flow
	Handover      *handover.Flow
	Authenticator *httpauth.Authenticator
	Limits        *httpauth.Limits
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

// Pages serves the pages. It is safe for concurrent use.
type Pages struct {
	cfg    Config
	speech *speech
	look   *look
	docs   *apidocs.Page
	routes map[string]page
	strays strays
}

// New checks cfg and reads every template and text.
func New(cfg Config) (*Pages, error) {
	switch {
	case cfg.Sessions == nil || cfg.SignIn == nil || cfg.SignUp == nil || cfg.Profile == nil || cfg.Password == nil || cfg.Handover == nil:
		return nil, errors.New("portal: sessions, sign-in, sign-up, profile, password and hand-overs are required")
	case cfg.Authenticator == nil || cfg.Limits == nil || cfg.API == nil || cfg.Issuers == nil || cfg.Logger == nil || cfg.Now == nil:
		return nil, errors.New("portal: authenticator, limits, the API, issuers, logger and a clock are required")
	}
	if cfg.Brand == "" {
		cfg.Brand = "Gatehouse"
	}
	if cfg.ReturnHosts == nil {
		cfg.ReturnHosts = func(string) []string { return nil }
	}
	p := &Pages{cfg: cfg}
	var err error
	if p.speech, err = newSpeech(); err != nil {
		return nil, err
	}
	if p.look, err = newLook(); err != nil {
		return nil, err
	}
	if p.docs, err = apidocs.New(); err != nil {
		return nil, err
	}
	p.routes = p.mount()
	return p, nil
}

// Has reports whether a request below the prefix is for Handler and not for the API: every GET and HEAD of a page or a
// file of the look, form posts to a page, and browsers that navigate to where neither has anything.
func (p *Pages) Has(prefix string, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return false
	}
	_, isPage := p.routes[path]
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if isPage || p.look.has(path) || p.docs.Has(path) {
			return true
		}
		_, method := p.cfg.API.Knows(prefix, r)
		return !method && httpauth.WantsHTML(r)
	case http.MethodPost:
		if !isForm(r) {
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
	return p.answering(prefix, (*visit).serve)
}

// answering does what every visit needs around serve.
func (p *Pages) answering(prefix string, serve func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		in, err := httpauth.RequestInfoFrom(r.Context())
		v := &visit{Pages: p, w: w, r: r, in: in, prefix: prefix, words: p.speech.to(httpauth.Language(r))}
		defer v.recoverPanic()
		v.setHeaders()
		if err == nil {
			err = serve(v)
		}
		switch {
		case err == nil:
		case !httpauth.WantsHTML(r): // a program that sent a form, most often for want of a JSON content type
			httpauth.WriteError(w, r, p.cfg.Logger, err)
		default:
			v.fail(err)
		}
	})
}

// recoverPanic turns a panic into a generic page; the process lives on (M10).
func (v *visit) recoverPanic() {
	switch c := recover(); c {
	case nil:
	case http.ErrAbortHandler:
		panic(c)
	default:
		v.fail(fmt.Errorf("panic: %v\n%s", c, debug.Stack()))
	}
}
