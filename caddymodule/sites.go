package caddymodule

import (
	"net"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// sites is what the sites of a configuration have in common. Portals and guards add theirs while they are provisioned, one
// after the other; requests of a configuration that runs beside read at the same time.
type sites struct {
	mu       sync.Mutex       // held by who adds
	issuers  httpauth.NameSet // the configured issuer, or else the origins of portals
	prefixes httpauth.NameSet // of portals
	guarded  httpauth.NameSet // hosts and wildcards of sites with a guard: a browser may be sent back to these after a sign-in
	portals  []string         // origins of portals, where an issuer is configured
	proxied  []string         // hosts of those whose server has trusted_proxies
	blind    bool             // one of those in plain http has none
	anywhere bool             // one of these answers to any host, or to some that are not written out

	shadows   []string         // guards that refuse nobody
	everybody atomic.Bool      // it has been told that a guard lets everybody in who signs up
	related   httpauth.NameSet // origins of passkeys of which it has been told that they are guarded
}

// addPortal makes known under which origins and prefix a portal is reached. Where an issuer is configured that is for warnings alone.
func (s *sites) addPortal(of *site, prefix string, issuer *url.URL) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prefixes.Add([]string{prefix})
	origins, err := of.origins()
	if issuer == nil {
		s.issuers.Add(origins)
		return err
	}
	s.portals = append(s.portals, origins...)
	s.anywhere = s.anywhere || err != nil
	s.addProxied(origins, trusts(of.srv))
	return nil
}

// portalURL is where pages and links are, for whoever has made no request that says it: rather at a name than at an IP address.
func (s *sites) portalURL() string {
	origins, prefixes := s.issuers.All(), s.prefixes.All()
	prefix := defaultPrefix
	if len(prefixes) > 0 && !slices.Contains(prefixes, prefix) {
		prefix = prefixes[0]
	}
	if len(origins) == 0 {
		return prefix
	}
	named := slices.IndexFunc(origins, func(o string) bool {
		u, err := url.Parse(o)
		return err == nil && net.ParseIP(u.Hostname()) == nil
	})
	return origins[max(named, 0)] + prefix
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

// addShadow makes known a guard that refuses nobody.
func (s *sites) addShadow(guard string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shadows = append(s.shadows, guard)
}

// addGuard makes known a guard's site.
func (s *sites) addGuard(of *site, issuer *url.URL) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.guarded.Add(of.returns(issuer))
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
