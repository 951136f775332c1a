package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/authcore/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/recovery"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
	"github.com/gatehouse-auth/gatehouse/authcore/signin"
)

// Config is what an API needs: the capabilities it speaks for, and how it meets the outside.
type Config struct {
	Sessions *session.Sessions
	SignIn   *signin.Flow
	Enrol    *enrol.Flow
	Recovery *recovery.Flow
	Profile  *profile.Profiles
	Verifier *edge.Verifier
	Keys     *keyring.Ring

	Audience   []string // `aud` that access tokens must name; empty means the issuer of the request
	Origins    *Origins // nil trusts none
	Limiter    authcore.Limiter
	AddressKey func(netip.Addr) string // under which key an address is counted
	// Ready reports whether this node can serve, and if not, why, in words for anybody to read.
	Ready  func(context.Context) (ok bool, reasons []string)
	Logger *slog.Logger
}

func (c Config) check() error {
	switch {
	case c.Sessions == nil || c.SignIn == nil || c.Enrol == nil || c.Recovery == nil || c.Profile == nil:
		return errors.New("httpapi: sessions, sign-in, enrolment, recovery and profile are required")
	case c.Verifier == nil || c.Keys == nil:
		return errors.New("httpapi: verifier and keys are required")
	case c.Limiter == nil || c.AddressKey == nil || c.Ready == nil || c.Logger == nil:
		return errors.New("httpapi: limiter, address key, readiness and logger are required")
	}
	return nil
}

// API answers the calls of contract §4. It is safe for concurrent use.
type API struct {
	routes  routes
	origins *Origins
	limits  limits
	log     *slog.Logger
}

// New checks cfg and mounts every call.
func New(cfg Config) (*API, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	if cfg.Origins == nil {
		cfg.Origins = &Origins{}
	}
	door := &door{verifier: cfg.Verifier, sessions: cfg.Sessions, origins: cfg.Origins, audience: cfg.Audience}
	all := routes{}
	(&enrolmentCalls{enrol: cfg.Enrol, origins: cfg.Origins}).mount(all)
	(&signInCalls{signIn: cfg.SignIn, sessions: cfg.Sessions, origins: cfg.Origins, log: cfg.Logger}).mount(all)
	(&tokenCalls{sessions: cfg.Sessions, door: door}).mount(all)
	(&passwordCalls{recovery: cfg.Recovery}).mount(all)
	(&profileCalls{profile: cfg.Profile, door: door}).mount(all)
	(&sessionCalls{sessions: cfg.Sessions, door: door}).mount(all)
	(&publicCalls{keys: cfg.Keys, ready: cfg.Ready}).mount(all)
	return &API{routes: all, origins: cfg.Origins, limits: limits{cfg.Limiter, cfg.AddressKey}, log: cfg.Logger}, nil
}

// Under reports whether a path belongs to Gatehouse when it is mounted at prefix. Everything under the prefix does,
// known or not. The path is compared as it came, decoded once and not cleaned: /auth/healthz/../admin is neither
// healthz nor admin (P11, P17).
func Under(prefix, path string) bool {
	rest, ok := strings.CutPrefix(path, prefix)
	return ok && (rest == "" || rest[0] == '/')
}

// Has reports whether the API has a call at the path of r, whatever its method.
func (a *API) Has(prefix string, r *http.Request) bool {
	path, ok := strings.CutPrefix(r.URL.Path, prefix)
	if !ok {
		return false
	}
	_, _, ok = a.routes.find(path)
	return ok
}

// Handler serves the API under prefix ("/auth"; no final slash) and answers every other path with not_found. The
// context of each request must carry what [WithIncoming] puts there.
func (a *API) Handler(prefix string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer a.recoverPanic(w, r)
		in, err := incomingFrom(r.Context())
		SecureHeaders(w.Header(), in.HTTPS)
		w.Header().Set("Cache-Control", "no-store")
		if err == nil {
			err = a.serve(w, r, in, prefix)
		}
		if err != nil {
			WriteError(w, r, a.log, err)
		}
	})
}
