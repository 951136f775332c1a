package history_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// withFailures has n failed sign-ins of an account, a minute apart. It returns their ids, the latest first.
func withFailures(t *testing.T, e *testflow.Env, account uuid.UUID, n int) (ids []uuid.UUID) {
	t.Helper()
	for range n {
		e.Clock.Advance(time.Minute)
		ev := authcore.Event{ID: uuid.Must(uuid.NewV7()), Kind: authcore.EventSignInFailed, At: e.Clock.Now(), AccountID: account, Result: "invalid_credentials"}
		if err := e.Store.Record(t.Context(), authcore.Effects{Events: []authcore.Event{ev}}); err != nil {
			t.Fatal(err)
		}
		ids = append([]uuid.UUID{ev.ID}, ids...)
	}
	return ids
}

func idsOf(l history.Listed) (ids []uuid.UUID) {
	for _, e := range l.Events {
		ids = append(ids, e.ID)
	}
	return ids
}

// Whoever goes to older pages and back sees the same pages, and no cursor at the ends.
func TestLogins_OlderAndBack(t *testing.T) {
	t.Parallel()
	e, account := testflow.New(t, testflow.Options{}), uuid.New()
	all := withFailures(t, e, account, 5)
	page := func(p history.Page, older, newer bool, want ...uuid.UUID) history.Listed {
		t.Helper()
		p.Limit = 2
		l, err := e.History.Logins(t.Context(), account, history.Logins{Page: p})
		if err != nil || !slices.Equal(idsOf(l), want) || (l.Older != "") != older || (l.Newer != "") != newer {
			t.Fatalf("%+v: %v (%v), older %q, newer %q", p, idsOf(l), err, l.Older, l.Newer)
		}
		return l
	}
	first := page(history.Page{}, true, false, all[0], all[1])
	second := page(history.Page{Cursor: first.Older}, true, true, all[2], all[3])
	third := page(history.Page{Cursor: second.Older}, false, true, all[4])
	back := page(history.Page{Newer: third.Newer}, true, true, all[2], all[3])
	page(history.Page{Newer: back.Newer}, true, false, all[0], all[1])
	page(history.Page{Cursor: back.Older}, false, true, all[4])
}

func TestHistory_Refusals(t *testing.T) {
	t.Parallel()
	e, account := testflow.New(t, testflow.Options{}), uuid.New()
	withFailures(t, e, account, 2)
	l, err := e.History.Logins(t.Context(), account, history.Logins{Page: history.Page{Limit: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]history.Logins{
		"too many": {Page: history.Page{Limit: 201}}, "fewer than none": {Page: history.Page{Limit: -1}}, "another result": {Result: "maybe"},
		"another method": {Method: "smile"}, "both cursors": {Page: history.Page{Cursor: l.Older, Newer: l.Older}},
		"a forged cursor": {Page: history.Page{Newer: "forged"}},
	} {
		_, err := e.History.Logins(t.Context(), account, ask)
		if authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, ask := range map[string]history.Events{
		"another kind": {Kind: "session.smiled"}, "a cursor of the sign-ins": {Page: history.Page{Cursor: l.Older}},
	} {
		if _, err := e.History.Events(t.Context(), account, ask); authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := history.New(history.Config{}); err == nil {
		t.Error("a history without a store is made")
	}
}
