package caddymodule

import (
	"fmt"
	"time"
)

// Defaults of lifetimes.
const (
	defaultAccess  = 5 * time.Minute
	defaultRefresh = 30 * 24 * time.Hour
	defaultSession = 90 * 24 * time.Hour
)

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
