package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var dialects = []promise{
	{"a refresh token that does not say whose it is leads to its session, and so does its successor", dialectLookups},
	{"a session of a dialect is renewed while it lives, and its refresh tokens stay", dialectRenewal},
	{"no other session is renewed like that", dialectRenewalRefused},
	{"100 bring a key for one dialect: all get the same", dialectKeys},
}

func aDialectOpening(a authcore.Account, refresh string) authcore.SessionOpening {
	o := anOpening(a, refresh, "")
	o.Session.Mode, o.Lookup = authcore.ModeDialect, true
	return o
}

func dialectLookups(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	sess := opened(t, s, aDialectOpening(a, "1"))
	find := func(refresh string, at time.Time) uuid.UUID {
		t.Helper()
		id, err := s.SessionOfToken(t.Context(), sum(refresh), at)
		if err != nil {
			wants(t, err, authcore.ErrNotFound)
		}
		return id
	}
	if find("1", start) != sess.ID || find("2", start) != uuid.Nil || find("1", sess.RefreshExpiresAt) != uuid.Nil {
		t.Error("the token does not lead to its session, or another one does, or one that has expired")
	}
	r := rotation(sess, "1", "2", time.Minute)
	r.Mode, r.Lookup, r.RefreshExpiresAt = authcore.ModeDialect, true, start.Add(time.Hour)
	got := rotate(t, s, r, authcore.Rotated)
	if got.Account.Number < 1 {
		t.Error("the account has no number")
	}
	if find("1", start) != sess.ID || find("2", start) != sess.ID || find("2", start.Add(time.Hour)) != uuid.Nil {
		t.Error("the successor does not lead to the session, or its parent does not any more")
	}
	lost := rotation(sess, "1", "3", 2*time.Minute)
	lost.Mode, lost.Lookup = authcore.ModeDialect, true
	rotate(t, s, lost, authcore.Replayed)
	if find("3", start) != uuid.Nil {
		t.Error("a rotation that lost has left a token")
	}
	must(t, s.Sweep(t.Context(), start.Add(3*time.Hour)))
	if find("2", start) != uuid.Nil || find("1", start) != sess.ID {
		t.Error("not what has expired was swept")
	}
}

func dialectRenewal(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	sess := opened(t, s, aDialectOpening(a, "1"))
	r := authcore.Renewal{SessionID: sess.ID, Addr: "2001:db8::2", UserAgent: "another", Now: start.Add(time.Hour), AccessUntil: start.Add(2 * time.Hour)}
	got, account, err := s.RenewSession(t.Context(), r)
	must(t, err)
	if got.ID != sess.ID || got.Mode != authcore.ModeDialect || !got.RefreshExpiresAt.Equal(sess.RefreshExpiresAt) || !slices.Equal(got.AMR, sess.AMR) ||
		account.ID != a.ID || account.Number < 1 || account.Epoch != a.Epoch || account.Email != a.Email || got.RefreshDigest != sess.RefreshDigest {
		t.Errorf("renewed %+v of %+v", got, account)
	}
	r.RefreshExpiresAt = start.Add(24 * time.Hour)
	if got, _, err = s.RenewSession(t.Context(), r); err != nil || !got.RefreshExpiresAt.Equal(sess.RefreshExpiresAt) {
		t.Errorf("a token that ends earlier has the others end: %v, %v", got.RefreshExpiresAt, err)
	}
	r.RefreshExpiresAt = start.Add(1000 * 24 * time.Hour)
	if got, _, err = s.RenewSession(t.Context(), r); err != nil || !got.RefreshExpiresAt.Equal(sess.ExpiresAt) {
		t.Errorf("it outlives the session: %v, %v", got.RefreshExpiresAt, err)
	}
	if r.Next = sum("2"); got.RefreshDigest != sess.RefreshDigest {
		t.Error("the refresh token is another, although none was issued")
	}
	if got, _, err = s.RenewSession(t.Context(), r); err != nil || got.RefreshDigest != r.Next {
		t.Errorf("the refresh token that was issued is not the session's: %v", err)
	}
	// A revocation is kept until the access tokens that are out have ended.
	ended, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{sess.ID}, false, start.Add(90*time.Minute), authcore.Effects{})
	must(t, err)
	if len(ended) != 1 || ended[0].Until.Before(r.AccessUntil) {
		t.Errorf("the revocation is kept until %v", ended)
	}
	_, _, err = s.RenewSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
}

func dialectRenewalRefused(t *testing.T, s Store) {
	a, sess := signedIn(t, s) // of the API
	r := authcore.Renewal{SessionID: sess.ID, Now: start, AccessUntil: start.Add(time.Hour)}
	_, _, err := s.RenewSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
	r.SessionID = uuid.New()
	_, _, err = s.RenewSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
	r.SessionID = opened(t, s, aDialectOpening(a, "2")).ID
	_, _, err = s.RenewSession(t.Context(), r)
	must(t, err)
	r.Now = start.Add(31 * 24 * time.Hour)
	_, _, err = s.RenewSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.EndAccount(t.Context(), a.ID, start, authcore.Effects{})
	must(t, err)
	r.Now = start
	_, _, err = s.RenewSession(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
}

func dialectKeys(t *testing.T, s Store) {
	got := make([]string, 100)
	for _, err := range atOnce(100, func(i int) error {
		key, err := s.DialectKey(t.Context(), "one.HS256", nil, []byte(fmt.Sprint("key ", i)))
		got[i] = string(key)
		return err
	}) {
		must(t, err)
	}
	if slices.Sort(got); got[0] != got[99] || got[0] == "" {
		t.Errorf("there are %s and %s", got[0], got[99])
	}
	for i, old := range []string{"what nobody has stored", got[0]} {
		key, err := s.DialectKey(t.Context(), "one.HS256", []byte(old), []byte("new"))
		must(t, err)
		if (string(key) == "new") != (i == 1) {
			t.Errorf("in place of %q is %q", old, key)
		}
	}
}
