package caddymodule

import (
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// mostSessions is the largest max_sessions: each sign-in counts the account's sessions.
const mostSessions = 10_000

// checkShort compares short_session with session_lifetime, whose default counts as well.
func checkShort(s *Settings) error {
	if _, _, life := s.lifetimes(); time.Duration(s.ShortSession) > life {
		return fmt.Errorf("short_session (%s) must not be longer than session_lifetime (%s)", durationText(time.Duration(s.ShortSession)), durationText(life))
	}
	return nil
}

func checkMaxSessions(s *Settings) error {
	if s.MaxSessions < 0 || s.MaxSessions > mostSessions {
		return fmt.Errorf("%d is out of range; it must be 1 to %d", s.MaxSessions, mostSessions)
	}
	return nil
}

// shortSession is the life of a session signed in with "remember": false, unless that of all is shorter.
func (s *Settings) shortSession() time.Duration {
	return orDefault(s.ShortSession, session.DefaultShort)
}
