package caddymodule

import (
	"fmt"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Defaults of lifetimes.
const (
	defaultAccess  = 5 * time.Minute
	defaultRefresh = 30 * 24 * time.Hour
	defaultSession = 90 * 24 * time.Hour
)

// readGrace reads a duration that may be 0s, which is its default.
func readGrace(d *caddyfile.Dispenser, s *Settings) error {
	name := d.Val()
	v, err := oneValue(d)
	if err != nil {
		return err
	}
	n, err := caddy.ParseDuration(v)
	if err != nil || n < 0 {
		return d.Errf("%s: %q is not a duration; %s", name, v, durationHint(v))
	}
	s.DeletionGrace = caddy.Duration(n)
	return nil
}

// checkLifetimes compares the three lifetimes, defaults included.
func checkLifetimes(s *Settings) error {
	access, refresh, session := s.lifetimes()
	switch {
	case access >= refresh:
		return fmt.Errorf("access_lifetime (%s) must be shorter than refresh_lifetime (%s)", durationText(access), durationText(refresh))
	case refresh > session:
		return fmt.Errorf("refresh_lifetime (%s) must not be longer than session_lifetime (%s)", durationText(refresh), durationText(session))
	}
	return nil
}

// checkIdle keeps the idle time-out between the lifetimes that it would otherwise contradict. Activity is seen at
// refreshes, of which an active client makes one per access token.
func checkIdle(s *Settings) error {
	access, refresh, _ := s.lifetimes()
	switch idle := time.Duration(s.IdleTimeout); {
	case idle == 0:
	case idle <= access:
		return fmt.Errorf("idle_timeout (%s) must be longer than access_lifetime (%s)", durationText(idle), durationText(access))
	case idle > refresh:
		return fmt.Errorf("idle_timeout (%s) must not be longer than refresh_lifetime (%s)", durationText(idle), durationText(refresh))
	}
	return nil
}

// lifetimes returns access, refresh and session lifetime with their defaults.
func (s *Settings) lifetimes() (access, refresh, session time.Duration) {
	return orDefault(s.AccessLifetime, defaultAccess), orDefault(s.RefreshLifetime, defaultRefresh), orDefault(s.SessionLifetime, defaultSession)
}
