package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var grants = []promise{
	{"consent waits while its connection stands", grantWaits},
	{"a later sign-in brings another consent", grantReplaced},
	{"a connection that ends leaves its consent to be taken back", grantOfConnection},
	{"an account that ends leaves its consents to be taken back", grantOfAccount},
	{"of a hundred who claim a consent one gets it", grantRace},
	{"a consent is sealed again", grantResealed},
	{"a provider ends a connection and its sessions", endedByProvider},
	{"of a hundred messages one ends the connection", endedRace},
}

// granted connects somebody whose consent is kept.
func granted(t testing.TB, s Store, a authcore.Account, subject, sealed string) authcore.Connection {
	t.Helper()
	c := aConnection(a, subject)
	c.Grant = []byte(sealed)
	_, err := s.Connect(t.Context(), connecting(c))
	must(t, err)
	return c
}

// claimedGrant ends the test unless a consent is due, and returns it. It is due again a minute later.
func claimedGrant(t testing.TB, s Store, now time.Time) authcore.Grant {
	t.Helper()
	g, err := s.ClaimGrant(t.Context(), now, now.Add(time.Minute))
	must(t, err)
	return g
}

func noneDue(t testing.TB, s Store, now time.Time) {
	t.Helper()
	_, err := s.ClaimGrant(t.Context(), now, now.Add(time.Minute))
	wants(t, err, authcore.ErrNotFound)
}

func grantWaits(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	granted(t, s, ada, "1", "sealed")
	connected(t, s, ada, "2")
	noneDue(t, s, start.Add(1000*time.Hour))
	all, err := s.SealedGrants(t.Context(), uuid.Nil, 10)
	if must(t, err); len(all) != 1 || string(all[0].Sealed) != "sealed" || all[0].Provider != "acme" {
		t.Errorf("%+v", all)
	}
}

func grantReplaced(t *testing.T, s Store) {
	c := granted(t, s, withAccount(t, s, "ada"), "1", "first")
	for _, sealed := range []string{"second", ""} { // a sign-in without any changes nothing
		_, err := s.UseConnection(t.Context(), authcore.ConnectionUse{ID: c.ID, Grant: []byte(sealed), Now: start})
		must(t, err)
	}
	must(t, s.Disconnect(t.Context(), disconnecting(c)))
	if g := claimedGrant(t, s, start); string(g.Sealed) != "second" {
		t.Errorf("%s", g.Sealed)
	}
	noneDue(t, s, start)
}

func grantOfConnection(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	c := granted(t, s, ada, "1", "sealed")
	granted(t, s, ada, "2", "other")
	must(t, s.Disconnect(t.Context(), disconnecting(c)))
	g := claimedGrant(t, s, start)
	if string(g.Sealed) != "sealed" || g.Tries != 1 || g.Provider != "acme" {
		t.Errorf("%+v", g)
	}
	noneDue(t, s, start.Add(59*time.Second)) // it is in hand
	if again := claimedGrant(t, s, start.Add(time.Minute)); again.ID != g.ID || again.Tries != 2 {
		t.Errorf("%+v, first %+v: who had it in hand has died", again, g)
	}
	must(t, s.DelayGrant(t.Context(), g.ID, start.Add(time.Hour)))
	noneDue(t, s, start.Add(59*time.Minute))
	claimedGrant(t, s, start.Add(time.Hour))
	must(t, s.DropGrant(t.Context(), g.ID))
	must(t, s.DelayGrant(t.Context(), g.ID, start))
	noneDue(t, s, start.Add(1000*time.Hour))
}

func grantOfAccount(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	granted(t, s, ada, "1", "sealed")
	granted(t, s, bob, "2", "other")
	must(t, s.DeleteAccount(t.Context(), authcore.Deletion{AccountID: ada.ID, Effects: noEffects, Now: start}))
	if g := claimedGrant(t, s, start); string(g.Sealed) != "sealed" {
		t.Errorf("%+v", g)
	}
	noneDue(t, s, start)
}

func grantRace(t *testing.T, s Store) {
	must(t, s.Disconnect(t.Context(), disconnecting(granted(t, s, withAccount(t, s, "ada"), "1", "sealed"))))
	counts := countErrors(t, atOnce(100, func(int) error {
		_, err := s.ClaimGrant(t.Context(), start, start.Add(time.Minute))
		return err
	}))
	if counts[nil] != 1 {
		t.Errorf("%v, want one", counts)
	}
}

func grantResealed(t *testing.T, s Store) {
	granted(t, s, withAccount(t, s, "ada"), "1", "old")
	all, err := s.SealedGrants(t.Context(), uuid.Nil, 10)
	must(t, err)
	must(t, s.ResealGrant(t.Context(), all[0].ID, []byte("other"), []byte("x")))
	if got, err := s.SealedGrants(t.Context(), uuid.Nil, 10); err != nil || string(got[0].Sealed) != "old" {
		t.Errorf("%+v %v", got, err)
	}
	must(t, s.ResealGrant(t.Context(), all[0].ID, []byte("old"), []byte("new")))
	got, err := s.SealedGrants(t.Context(), uuid.Nil, 10)
	if must(t, err); len(got) != 1 || string(got[0].Sealed) != "new" {
		t.Errorf("%+v", got)
	}
	if got, err = s.SealedGrants(t.Context(), all[0].ID, 10); err != nil || len(got) != 0 {
		t.Errorf("%+v %v", got, err)
	}
}

func ending(subject, once string) authcore.ConnectionEnding {
	return authcore.ConnectionEnding{Issuer: issuer, Subject: subject, Once: sum(once), OnceUntil: start, Now: start,
		Effects: func(a authcore.Account, was authcore.Connection) (authcore.Effects, error) {
			e := anEvent(authcore.EventConnectionRemoved, start)
			e.AccountID = a.ID
			return authcore.Effects{Events: []authcore.Event{e}}, nil
		}}
}

func endedByProvider(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	granted(t, s, ada, "1", "sealed")
	connected(t, s, ada, "2")
	byProvider(t, s, ada, "1", "")
	byProvider(t, s, ada, "2", "")
	opened(t, s, anOpening(ada, "by password", ""))
	must(t, s.EndConnection(t.Context(), ending("9", "1"))) // nobody: no error
	must(t, s.EndConnection(t.Context(), ending("1", "2")))
	list, err := s.AccountConnections(t.Context(), ada.ID)
	if must(t, err); len(list) != 1 || list[0].Subject != "2" {
		t.Errorf("%+v", list)
	}
	left, err := s.Sessions(t.Context(), ada.ID, start)
	if must(t, err); len(left) != 2 {
		t.Errorf("%d sessions are left, want 2", len(left))
	}
	_, _, former, err := s.ConnectionOf(t.Context(), issuer, "1")
	if wants(t, err, authcore.ErrNotFound); !former {
		t.Error("it is not remembered")
	}
	claimedGrant(t, s, start)
	connected(t, s, ada, "1")
	wants(t, s.EndConnection(t.Context(), ending("1", "2")), authcore.ErrUsed)
	if list, err = s.AccountConnections(t.Context(), ada.ID); err != nil || len(list) != 2 {
		t.Errorf("a message that was taken before ended a connection: %+v %v", list, err)
	}
}

func endedRace(t *testing.T, s Store) {
	connected(t, s, withAccount(t, s, "ada"), "1")
	win(t, 1, authcore.ErrUsed, atOnce(100, func(int) error { return s.EndConnection(t.Context(), ending("1", "1")) }))
}
