package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

var credentials = []promise{
	{"a credential is confirmed once, and found with its account", credentialFound},
	{"of 100 who take one challenge at once one gets it", takeChallengeRace},
	{"of 100 who use one counter at once one succeeds, and it never goes back", useCredentialRace},
	{"a counter that is always 0 is taken each time", useCredentialWithoutCounter},
}

// aKey is a confirmed passkey with a counter.
func aKey(a authcore.Account, id string, count uint32) authcore.Factor {
	x := aFactor(a, authcore.FactorPasskey)
	x.Secret, x.Address, x.LastStep = nil, "", 0
	x.CredentialID, x.Credential, x.SignCount = []byte(id), []byte(`{"rp_id":"example.com"}`), count
	return x
}

func credentialFound(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	waits := aKey(ada, "", 0)
	waits.ConfirmedAt, waits.ExpiresAt, waits.CredentialID, waits.Credential = time.Time{}, start.Add(time.Minute), nil, nil
	addFactors(t, s, ada, []authcore.Factor{waits})
	addFactors(t, s, bob, []authcore.Factor{aKey(bob, "bob's", 1)})
	_, _, err := s.FactorByCredential(t.Context(), []byte("ada's"))
	wants(t, err, authcore.ErrNotFound)
	made := webauthn.Credential{ID: []byte("ada's"), Record: []byte(`{"a":1}`), SignCount: 4000000000}
	must(t, s.ChangeFactors(t.Context(), factor.Change{Was: factorState(t, s, ada.ID, 0), Now: start,
		Confirm: &factor.Confirmation{ID: waits.ID, Credential: &made}}))
	x, a, err := s.FactorByCredential(t.Context(), made.ID)
	if err != nil || a.ID != ada.ID || x.ID != waits.ID || string(x.Credential) != string(made.Record) || x.SignCount != made.SignCount || !x.Confirmed() {
		t.Errorf("%+v of %s (%v)", x, a.ID, err)
	}
	wants(t, s.UseCredential(t.Context(), factor.Use{AccountID: bob.ID, FactorID: x.ID, Now: start}, made.SignCount+1), authcore.ErrNotFound)
}

func takeChallengeRace(t *testing.T, s Store) {
	ch := issued(t, s, aChallenge(authcore.PurposePasskey, "anybody", "1"))
	_, err := s.TakeChallenge(t.Context(), authcore.PurposeAssertKey, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.TakeChallenge(t.Context(), ch.Purpose, ch.TokenDigest, ch.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	oneOfAll(t, "credential", func(ctx context.Context) error {
		_, err := s.TakeChallenge(ctx, ch.Purpose, ch.TokenDigest, start)
		return err
	})
}

func useCredentialRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	x := aKey(a, "k", 7)
	addFactors(t, s, a, []authcore.Factor{x})
	u := factor.Use{AccountID: a.ID, FactorID: x.ID, Now: start.Add(time.Minute)}
	oneOfAll(t, "credential", func(ctx context.Context) error { return s.UseCredential(ctx, u, 8) })
	for _, count := range []uint32{8, 7, 0} {
		wants(t, s.UseCredential(t.Context(), u, count), authcore.ErrNotFound)
	}
	must(t, s.UseCredential(t.Context(), u, 4294967295))
	if got := factorState(t, s, a.ID, 0).Factors[0]; got.SignCount != 4294967295 || !got.LastUsedAt.Equal(u.Now) {
		t.Errorf("%+v", got)
	}
	wants(t, s.UseCredential(t.Context(), factor.Use{AccountID: a.ID, FactorID: uuid.New(), Now: start}, 9), authcore.ErrNotFound)
}

func useCredentialWithoutCounter(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	x := aKey(a, "k", 0)
	addFactors(t, s, a, []authcore.Factor{x})
	u := factor.Use{AccountID: a.ID, FactorID: x.ID, Now: start}
	must(t, s.UseCredential(t.Context(), u, 0))
	must(t, s.UseCredential(t.Context(), u, 0))
	must(t, s.UseCredential(t.Context(), u, 1))
	wants(t, s.UseCredential(t.Context(), u, 0), authcore.ErrNotFound)
}
