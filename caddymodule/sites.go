package caddymodule

import (
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/sanitize"
)

// sites is what the sites of a configuration have in common. Portals and guards add theirs while they are provisioned, one
// after the other; requests of a configuration that runs beside read at the same time.
type sites struct {
	mu       sync.Mutex // held by who adds
	issuers  union      // the configured issuer, or else the origins of portals
	prefixes union      // of portals
	guarded  union      // hosts and wildcards of sites with a guard: a browser may be sent back to these after a sign-in
	portals  []string   // origins of portals, where an issuer is configured
	proxied  []string   // hosts of those whose server has trusted_proxies
	blind    bool       // one of those in plain http has none
	anywhere bool       // one of these answers to any host, or to some that are not written out

	everybody atomic.Bool // it has been told that a guard lets everybody in who signs up

	guards  atomic.Int32                      // how many there are
	strip   atomic.Pointer[sanitize.Stripper] // what every guard removes: all families, and the `header` names of all guards
	headers []string                          // those names
	keep    []string                          // the `keep` names of all guards
}

// union is a sorted set of strings that grows. The zero value is empty.
type union struct{ p atomic.Pointer[[]string] }

func (u *union) all() []string {
	if all := u.p.Load(); all != nil {
		return *all
	}
	return nil
}

// add is for one at a time.
func (u *union) add(more []string) {
	all := append(slices.Clone(u.all()), more...)
	slices.Sort(all)
	all = slices.Compact(all)
	u.p.Store(&all)
}

// addPortal makes known under which origins and prefix a portal is reached. Where an issuer is configured that is for warnings alone.
func (s *sites) addPortal(of *site, prefix string, issuer *url.URL) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prefixes.add([]string{prefix})
	origins, err := of.origins()
	if issuer == nil {
		s.issuers.add(origins)
		return err
	}
	s.portals = append(s.portals, origins...)
	s.anywhere = s.anywhere || err != nil
	s.addProxied(origins, trusts(of.srv))
	return nil
}

// portalURL is where pages and links are, for whoever has made no request that says it.
func (s *sites) portalURL() string {
	origins, prefixes := s.issuers.all(), s.prefixes.all()
	prefix := defaultPrefix
	if len(prefixes) > 0 && !slices.Contains(prefixes, prefix) {
		prefix = prefixes[0]
	}
	if len(origins) == 0 {
		return prefix
	}
	return origins[0] + prefix
}

func (s *sites) addProxied(origins []string, trusted bool) {
	for _, origin := range origins {
		u, err := url.Parse(origin)
		switch {
		case err != nil || isLoopback(u.Hostname()):
		case trusted:
			s.proxied = append(s.proxied, u.Hostname())
		case u.Scheme == "http":
			s.blind = true
		}
	}
}

// behindUnknown reports whether a portal in plain http is behind a proxy, as an https issuer says, that it does not know.
func (s *sites) behindUnknown(issuer *url.URL) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.blind && issuer.Scheme == "https"
}

// addGuard makes known a guard's site, and which headers its `header` lines set. Every guard removes those of all: of several
// guards on a request's way only the first one removes anything.
func (s *sites) addGuard(of *site, issuer *url.URL, headers, keep []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guards.Add(1)
	s.guarded.add(of.returns(issuer))
	s.headers = append(s.headers, headers...)
	s.keep = append(s.keep, keep...)
	s.strip.Store(sanitize.NewStripper(s.headers, s.keep, setAside))
}

// elsewhere returns the addresses of all portals if the issuer is none of them; else nothing.
func (s *sites) elsewhere(issuer *url.URL) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	// A known proxy in front may change scheme and port.
	if s.anywhere || slices.Contains(s.proxied, issuer.Hostname()) || slices.ContainsFunc(s.portals, func(o string) bool { return servesAs(o, issuer) }) {
		return nil
	}
	sites := slices.Clone(s.portals)
	slices.Sort(sites)
	return slices.Compact(sites)
}
