package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// dialectSessions are the promises about sessions whose tokens have the form of another system.
var dialectSessions = []promise{
	{"a live session of a dialect is read and renewed, and no other", dialectSession},
	{"a renewal makes no end earlier", renewals},
}

func withDialectSession(t *testing.T, s Store, a authcore.Account) authcore.Session {
	t.Helper()
	sess := aSession(a, a.Username)
	sess.Mode = authcore.ModeDialect
	opened, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess, MaxSessions: 100, MaxDevices: 100})
	must(t, err)
	return opened
}

func dialectSession(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	sess := withDialectSession(t, s, a)
	got, account, err := s.DialectSession(t.Context(), sess.ID, start)
	must(t, err)
	if got.ID != sess.ID || got.RefreshDigest != sess.RefreshDigest || !got.AccessUntil.Equal(sess.AccessUntil) || !got.LastSeenAt.Equal(sess.LastSeenAt) ||
		got.Addr != sess.Addr || got.UserAgent != sess.UserAgent || !got.ExpiresAt.Equal(sess.ExpiresAt) || !got.AuthTime.Equal(sess.AuthTime) ||
		account.ID != a.ID || account.Number < 1 || account.Epoch != a.Epoch || account.Email != a.Email || account.Fields["team"] != a.Fields["team"] {
		t.Errorf("read %+v of %+v", got, account)
	}
	renew := func(id uuid.UUID) error {
		_, _, err := s.RenewSession(t.Context(), authcore.Renewal{SessionID: id, Now: start, AccessUntil: start})
		return err
	}
	bearer := withSession(t, s, a, "bearer")
	ended := withDialectSession(t, s, withAccount(t, s, "bob"))
	_, err = s.RevokeSessions(t.Context(), ended.AccountID, []uuid.UUID{ended.ID}, false, start, authcore.Effects{})
	must(t, err)
	kept := withDialectSession(t, s, withAccount(t, s, "cleo"))
	_, err = s.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: kept.AccountID, Disable: true, Now: start})
	must(t, err)
	for name, id := range map[string]uuid.UUID{"bearer": bearer.ID, "ended": ended.ID, "of a disabled account": kept.ID, "unknown": uuid.New()} {
		if _, _, err := s.DialectSession(t.Context(), id, start); !errors.Is(err, authcore.ErrNotFound) {
			t.Errorf("a session that is %s is read: %v", name, err)
		}
		if err := renew(id); !errors.Is(err, authcore.ErrNotFound) {
			t.Errorf("a session that is %s is renewed: %v", name, err)
		}
	}
	if _, _, err := s.DialectSession(t.Context(), sess.ID, sess.RefreshExpiresAt); !errors.Is(err, authcore.ErrNotFound) {
		t.Errorf("an expired session is read: %v", err)
	}
}

func renewals(t *testing.T, s Store) {
	sess := withDialectSession(t, s, withAccount(t, s, "ada"))
	later := sess.AccessUntil.Add(time.Hour)
	for _, until := range []time.Time{later, later.Add(-time.Minute)} {
		_, _, err := s.RenewSession(t.Context(), authcore.Renewal{SessionID: sess.ID, Addr: "192.0.2.9", UserAgent: "x", Now: start.Add(time.Second), AccessUntil: until,
			RefreshExpiresAt: sess.RefreshExpiresAt.Add(-time.Minute)})
		must(t, err)
	}
	got, _, err := s.DialectSession(t.Context(), sess.ID, start)
	must(t, err)
	if !got.AccessUntil.Equal(later) || !got.RefreshExpiresAt.Equal(sess.RefreshExpiresAt) || got.Addr != "192.0.2.9" || !got.LastSeenAt.Equal(start.Add(time.Second)) {
		t.Errorf("renewed to %+v", got)
	}
}
