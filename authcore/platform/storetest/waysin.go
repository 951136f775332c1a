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
			_, err := s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.ByEmail, Before: a, Passkey: true, Now: start})
			return err
		},
		func(a authcore.Account) error {
			none := ""
			_, err := s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Username: &none, Rename: &authcore.Rename{
				From: a.Username, Most: 3, Before: &a, Passkey: true}}, true, start, authcore.Effects{})
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
