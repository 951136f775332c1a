package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
)

func passwordDropped(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	ch := resetChallenge(t, s, a)
	was := factorState(t, s, a.ID, 0)
	drop := factor.Change{Was: was, DropPassword: true, EndTrust: true, EndSessions: true, Now: start.Add(time.Second), Effects: mails(1)}
	oneOfAll(t, "removal of a password", func(context.Context) error { return s.ChangeFactors(t.Context(), drop) })
	got, err := s.AccountByID(t.Context(), a.ID)
	must(t, err)
	if got.PasswordHash != "" || got.PasswordBy != "" || got.Epoch != a.Epoch+1 {
		t.Errorf("%+v", got)
	}
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

// lastWayInRace: fifty remove the address of an account, which leaves its passkey, and fifty its passkey, which leaves the address.
func lastWayInRace(t *testing.T, s Store) {
	for _, other := range []func(a authcore.Account) error{
		func(a authcore.Account) error {
			_, err := s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: a, Left: authcore.LastWay{Passkey: true}, Now: start})
			return err
		},
		func(a authcore.Account) error {
			none := ""
			_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &none, Rename: &authcore.Rename{
				From: a.Username, Most: 3, Before: &a, Left: authcore.LastWay{Passkey: true}}}, true, start, authcore.Effects{})
			if errors.Is(err, profile.ErrRenamed) {
				return authcore.ErrNotFound
			}
			return err
		},
	} {
		a := withAccount(t, s, "ada"+uuid.NewString()[:8])
		key := aFactor(a, authcore.FactorPasskey)
		key.CredentialID = key.ID[:]
		addFactors(t, s, a, []authcore.Factor{key})
		was := factorState(t, s, a.ID, 0)
		late := withAccount(t, s, "ben"+uuid.NewString()[:8]) // its passkey has gone since somebody looked
		wants(t, other(late), authcore.ErrNotFound)
		errs := atOnce(100, func(i int) error {
			if i%2 == 0 {
				return s.ChangeFactors(t.Context(), factor.Change{Was: was, Remove: []uuid.UUID{key.ID}, Now: start})
			}
			return other(a)
		})
		n := countErrors(t, errs)[nil]
		left := factorState(t, s, a.ID, 0)
		if n != 1 || len(left.Factors) == 0 && (left.Account.Email == "" || left.Account.Username == "") {
			t.Errorf("%d removals, left %+v", n, left)
		}
	}
}

// lastConnectionRace: fifty take one of the other ways in from an account, which leaves its connection, and fifty the connection, which
// leaves the other way.
func lastConnectionRace(t *testing.T, s Store) {
	none := ""
	for name, way := range map[string]struct {
		take func(a authcore.Account, was factor.State, left authcore.LastWay) error
		left func(a authcore.Account, factors []authcore.Factor) bool
	}{
		"address": {func(a authcore.Account, _ factor.State, left authcore.LastWay) error {
			_, err := s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: a, Left: left, Now: start})
			return err
		}, func(a authcore.Account, _ []authcore.Factor) bool { return a.Email != "" }},
		"username": {func(a authcore.Account, _ factor.State, left authcore.LastWay) error {
			_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &none, Rename: &authcore.Rename{From: a.Username, Most: 3, Before: &a,
				Left: left}}, true, start, authcore.Effects{})
			if errors.Is(err, profile.ErrRenamed) {
				return authcore.ErrNotFound
			}
			return err
		}, func(a authcore.Account, _ []authcore.Factor) bool { return a.Username != "" }},
		"password": {func(_ authcore.Account, was factor.State, left authcore.LastWay) error {
			return s.ChangeFactors(t.Context(), factor.Change{Was: was, DropPassword: true, Left: left, Now: start})
		}, func(a authcore.Account, _ []authcore.Factor) bool { return a.PasswordHash != "" }},
		"passkey": {func(_ authcore.Account, was factor.State, left authcore.LastWay) error {
			return s.ChangeFactors(t.Context(), factor.Change{Was: was, Remove: []uuid.UUID{was.Factors[0].ID}, Left: left, Now: start})
		}, func(_ authcore.Account, factors []authcore.Factor) bool { return len(factors) > 0 }},
	} {
		a := withAccount(t, s, "ada"+uuid.NewString()[:8])
		key := aFactor(a, authcore.FactorPasskey)
		key.CredentialID = key.ID[:]
		addFactors(t, s, a, []authcore.Factor{key})
		was := factorState(t, s, a.ID, 0)
		wants(t, way.take(a, was, authcore.LastWay{Connection: uuid.New()}), authcore.ErrNotFound) // it has gone since somebody looked
		c := connected(t, s, a, a.ID.String())
		last := disconnecting(c)
		last.May = func(_ authcore.Account, factors []authcore.Factor, _ []authcore.Connection) error {
			if len(factors) != 1 {
				return authcore.ErrNotFound
			}
			return authcore.ErrLastAdmin
		}
		wants(t, s.Disconnect(t.Context(), last), authcore.ErrLastAdmin)
		last.May = func(a authcore.Account, factors []authcore.Factor, left []authcore.Connection) error {
			if len(left) > 0 || way.left(a, factors) {
				return nil
			}
			return authcore.ErrNotFound
		}
		n := countErrors(t, atOnce(100, func(i int) error {
			if i%2 == 0 {
				return s.Disconnect(t.Context(), last)
			}
			return way.take(a, was, authcore.LastWay{Connection: c.ID})
		}))[nil]
		now := factorState(t, s, a.ID, 0)
		connections, err := s.AccountConnections(t.Context(), a.ID)
		if must(t, err); n != 1 || len(connections) == 0 && !way.left(now.Account, now.Factors) {
			t.Errorf("%s: %d removals, %d connections and %+v are left", name, n, len(connections), now)
		}
	}
}
