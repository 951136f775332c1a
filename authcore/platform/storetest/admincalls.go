package storetest

import (
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
)

// adminCalls are the promises of events that tell of calls of the administration.
var adminCalls = []promise{
	{"a change writes the event of its call", aChangeTellsOfItsCall},
}

func aChangeTellsOfItsCall(t *testing.T, s Store) {
	ada, boss := withAccount(t, s, "ada"), uuid.New()
	e := anEvent(authcore.EventAdminUsersGet, start)
	e.AccountID, e.ActorID, e.Via = ada.ID, boss, authcore.ViaSession
	call := authcore.NewAdminCall(e)
	call.Changed("roles", nil, []string{"staff"})
	ctx := authcore.WithAdminCall(t.Context(), call)
	change := authcore.RolesChange{AccountID: uuid.New(), Add: []string{"staff"}, Now: start}
	if _, err := s.ChangeRoles(ctx, change); err == nil || call.Written() {
		t.Fatalf("a change that failed has written its event (%v)", err)
	}
	change.AccountID = ada.ID
	change.Effects.Events = []authcore.Event{{Kind: authcore.EventRolesChanged, At: start, AccountID: ada.ID}}
	for range 2 { // the second of a call writes no other
		if _, err := s.ChangeRoles(ctx, change); err != nil || !call.Written() {
			t.Fatal(err)
		}
	}
	got, err := s.AccountEvents(t.Context(), history.Query{AccountID: ada.ID, Limit: 10})
	if must(t, err); len(got) != 1 || got[0].ActorID != boss || got[0].Via != authcore.ViaSession {
		t.Errorf("the account's own log has %+v", got)
	}
}
