package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

var calls = []promise{
	{"a cancelled ctx changes nothing and returns a context error", callCancelled},
	{"ping", func(t *testing.T, s Store) { must(t, s.Ping(t.Context())) }},
	{"a closed store is unavailable", callClosed},
}

func callCancelled(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	ch := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, subject, "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	begin := time.Now()
	for name, call := range map[string]func() error{
		"read":   func() error { _, err := s.AccountByID(ctx, a.ID); return err },
		"create": func() error { return s.CreateAccount(ctx, anAccount("new"), nil, mails(1)) },
		"rotate": func() error { _, err := s.RotateRefresh(ctx, rotation(sess, "1", "2", 0)); return err },
		"prove": func() error {
			_, err := s.ProveCode(ctx, ch.Purpose, subject, sum("wrong"), secret.Digest{}, start)
			return err
		},
		"record":  func() error { return s.Record(ctx, mails(1)) },
		"sweep":   func() error { return s.Sweep(ctx, start.Add(1000*time.Hour)) },
		"ping":    func() error { return s.Ping(ctx) },
		"lockout": func() error { return s.ClearLockout(ctx, "a") },
		"revoke": func() error {
			_, err := s.RevokeSessions(ctx, a.ID, nil, true, start, authcore.Effects{})
			return err
		},
		"keys": func() error { _, err := s.ChangeKeys(ctx, start, Birth("a")); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) || errors.Is(err, authcore.ErrUnavailable) {
			t.Errorf("%s: %v, want %v alone", name, err, context.Canceled)
		}
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("took %v", took)
	}
	rotate(t, s, rotation(sess, "1", "2", 0), authcore.Rotated)
	if got, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start); err != nil || got.AttemptsLeft != ch.AttemptsLeft {
		t.Errorf("%d attempts (%v), want all", got.AttemptsLeft, err)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 0 {
		t.Errorf("%d mails (%v), want none", n, err)
	}
}

func callClosed(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	must(t, s.Close())
	_, err := s.AccountByID(t.Context(), a.ID)
	wants(t, err, authcore.ErrUnavailable)
	wants(t, s.Record(t.Context(), mails(1)), authcore.ErrUnavailable)
	must(t, s.Close())
}
