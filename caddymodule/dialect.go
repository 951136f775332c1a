package caddymodule

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
)

func init() { caddy.RegisterModule(new(Dialect)) }

// Dialect serves an API that clients of another system speak, and passes every other request on.
type Dialect struct {
	// The dialect: a module of the namespace gatehouse.dialects.
	DialectRaw json.RawMessage `json:"dialect,omitempty" caddy:"namespace=gatehouse.dialects inline_key=name"`

	// Where the directive stands, as file:line. It is for messages alone and need not be given.
	At string `json:"at,omitempty"`

	app    *App
	module DialectModule
	is     dialect.Dialect
	table  dialect.Table
	prefix string
	key    []secret.Value
	portal string // prefix of the portal on this site; "" for none
	names  func(host string) bool
	server *caddyhttp.Server // of the site, and its hosts; none are all
	hosts  []string
	serves atomic.Pointer[dialect.Site] // nil while the node starts
}

// CaddyModule returns the module's description.
func (*Dialect) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.gatehouse_dialect", New: func() caddy.Module { return new(Dialect) }}
}

// Provision checks the settings, and takes hold of the dialect's keys if the node has started. Its errors say where the directive stands.
func (d *Dialect) Provision(ctx caddy.Context) error {
	err := d.provision(ctx)
	if err != nil && d.At != "" {
		return fmt.Errorf("%w, at %s", err, d.At)
	}
	return err
}

func (d *Dialect) provision(ctx caddy.Context) (err error) {
	if d.app, err = appOf(ctx); err != nil {
		return err
	}
	mod, err := ctx.LoadModule(d, "DialectRaw")
	if err != nil {
		return fmt.Errorf("gatehouse_dialect: %w", err)
	}
	module, ok := mod.(DialectModule)
	if !ok {
		return fmt.Errorf("gatehouse_dialect: %T is not a dialect", mod)
	}
	d.module = module
	if d.is, d.table, d.prefix, err = checkDialect(module); err != nil {
		return fmt.Errorf("gatehouse_dialect: %w", err)
	}
	if f, ok := module.(fitting); ok {
		if err := f.Fits(&d.app.Settings); err != nil {
			return fmt.Errorf("gatehouse_dialect %s: %w", d.is.Name, err)
		}
	}
	if err := d.readKey(); err != nil {
		return fmt.Errorf("gatehouse_dialect %s: %w", d.is.Name, err)
	}
	at, err := siteOf(ctx)
	if err != nil {
		return fmt.Errorf("gatehouse_dialect: %w", err)
	}
	d.names, d.server, d.hosts = at.names(), at.srv, at.hosts()
	d.portal, _ = at.portal()
	if err := d.app.dialects.add(d); err != nil {
		return err
	}
	if err := d.defineLifetimes(); err != nil {
		return fmt.Errorf("gatehouse_dialect %s: %w", d.is.Name, err)
	}
	if c := d.app.core.Load(); c != nil { // a reload
		return c.serveDialects(ctx, d.app, d)
	}
	return nil
}

// ServeHTTP answers the dialect's paths, taken as Caddy decoded them, but for one final slash.
func (d *Dialect) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if !d.table.Has(r.URL.Path) {
		return next.ServeHTTP(w, r)
	}
	e := d.app.edge
	e.CloseAfterResponse(w, r, next)
	e.Enter(r, true)
	if err := sanitize.CheckForm(w, r, true); err != nil {
		httpauth.SecureHeaders(w.Header(), e.HTTPS(r))
		httpauth.WriteError(w, r, d.app.logger, err)
		return nil
	}
	if _, err := d.app.await(r.Context()); err != nil {
		httpauth.WriteError(w, r, d.app.logger, err)
		return nil
	}
	in := e.RequestInfo(r, d.names)
	in.Client.Portal = in.Client.Issuer + d.portal
	if d.portal == "" {
		in.Client.Portal = d.app.sites.portalURL()
	}
	r = e.AsBrowsersSee(r, in.HTTPS)
	d.serves.Load().ServeHTTP(w, r.WithContext(httpauth.WithRequestInfo(r.Context(), in)))
	return nil
}

// dialects are those of a configuration. Handlers add themselves while they are provisioned, one after the other.
type dialects struct {
	mu      sync.Mutex
	all     []*Dialect
	keys    atomic.Pointer[jwtkeys.ForeignSet]
	schemes atomic.Pointer[[]string]
}

// Keys returns the keys of all dialects that are served; nil for none.
func (s *dialects) Keys() *jwtkeys.ForeignSet { return s.keys.Load() }

// Schemes returns the words that their tokens stand under besides Bearer.
func (s *dialects) Schemes() []string {
	if all := s.schemes.Load(); all != nil {
		return *all
	}
	return nil
}

// sameSite reports whether both are of one site.
func (d *Dialect) sameSite(other *Dialect) bool {
	return d.server == other.server && slices.Equal(d.hosts, other.hosts)
}

// beside returns the dialect of a name that is served at the site of another; nil for none.
func (s *dialects) beside(d *Dialect, name string) *dialect.Site {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, other := range s.all {
		if other.is.Name == name && other.sameSite(d) {
			return other.serves.Load()
		}
	}
	return nil
}

// claim is what the dialect serves.
func (d *Dialect) claim() pathClaim {
	return pathClaim{by: "gatehouse_dialect " + d.is.Name, at: d.At, prefix: d.prefix, paths: d.table.Paths()}
}

// add makes a dialect known. It is an error where something else of its site has one of its paths: a configuration that is no Caddyfile
// has not been asked before.
func (s *dialects) add(d *Dialect) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	claim := d.claim()
	if d.portal != "" {
		if err := claim.conflict(pathClaim{by: "gatehouse", portal: d.portal}); err != nil {
			return err
		}
	}
	for _, other := range s.all {
		if other.sameSite(d) {
			if err := claim.conflict(other.claim()); err != nil {
				return err
			}
		}
	}
	s.all = append(s.all, d)
	return nil
}

// checkOrigin returns the error of a dialect in a configuration whose sites and options name no issuer: its tokens would be good nowhere, and
// links in mails would lead nowhere.
func (s *dialects) checkOrigin(issuers []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.all) == 0 || len(issuers) > 0 {
		return nil
	}
	d := s.all[0]
	where := ""
	if d.At != "" {
		where = " at " + d.At
	}
	return fmt.Errorf("gatehouse_dialect %s%s: no site has the directive gatehouse, and option issuer is not set: tokens and links in mails have no origin; "+
		"write gatehouse before gatehouse_dialect", d.is.Name, where)
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Dialect)(nil)
	_ caddyhttp.MiddlewareHandler = (*Dialect)(nil)
)
