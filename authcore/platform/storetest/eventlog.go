package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
)

var eventLog = []promise{
	{"every filter finds what fits it, the latest first, in pages of any size and however few rows are tested", findEvents},
	{"events are found by what is newer, and by their ids", newerEvents},
	{"accounts are called what they are called now", labels},
}

// aLog is events of three accounts by several ways, two at each instant, the latest first.
func aLog(t *testing.T, s Store) (events []authcore.Event, account, actor, session uuid.UUID) {
	t.Helper()
	account, actor, session = uuid.New(), uuid.New(), uuid.New()
	accounts := []uuid.UUID{account, actor, uuid.Nil}
	kinds := append([]authcore.EventKind{authcore.EventSignInFailed}, authcore.EventKinds()[:12]...)
	for i := range 240 {
		e := anEvent(kinds[i%len(kinds)], start.Add(time.Duration(i/2)*time.Second))
		e.ID = uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012d", i))
		e.AccountID, e.Addr, e.Result, e.SessionID = accounts[i%3], fmt.Sprintf("192.0.2.%d", i%4), "success", uuid.Nil
		if i%2 == 0 {
			e.Result = string(authcore.InvalidCredentials)
		}
		if i%7 == 0 && e.AccountID != uuid.Nil {
			e.SessionID = session
		}
		if i%5 == 0 {
			e.ActorID, e.Via, e.Details = actor, authcore.ViaSession, `{"id":"x"}`
		}
		events = append(events, e)
	}
	must(t, s.Record(t.Context(), authcore.Effects{Events: events}))
	slices.Reverse(events)
	return events, account, actor, session
}

func findEvents(t *testing.T, s Store) {
	all, account, actor, session := aLog(t, s)
	two, many := authcore.EventKinds()[:2], authcore.EventKinds()[:10]
	for name, f := range map[string]eventlog.Filter{
		"everything":             {},
		"two kinds":              {Kinds: two},
		"many kinds":             {Kinds: many},
		"failures":               {Result: eventlog.Failure},
		"successes of a kind":    {Kinds: two[:1], Result: "success"},
		"a code":                 {Result: string(authcore.InvalidCredentials)},
		"of an account":          {Account: account},
		"kinds of an account":    {Account: account, Kinds: two},
		"many of an account":     {Account: account, Kinds: many},
		"by an actor":            {Actor: actor},
		"by the owner":           {Actor: account},
		"of one by another":      {Account: account, Actor: actor},
		"of a session":           {Session: session},
		"of a session and more":  {Session: session, Account: account, Addr: "192.0.2.1", Actor: actor, Kinds: many},
		"from an address":        {Addr: "192.0.2.3"},
		"of one from an address": {Addr: "192.0.2.3", Account: account, Result: eventlog.Failure},
		"of a time":              {From: start.Add(20 * time.Second), To: start.Add(40 * time.Second)},
		"kinds of a time":        {Kinds: two, From: start.Add(20 * time.Second), To: start.Add(90 * time.Second)},
		"of nobody":              {Account: uuid.New(), Result: eventlog.Failure},
		"from nowhere":           {Addr: "203.0.113.9", Kinds: many},
	} {
		var want []uuid.UUID
		for _, e := range all {
			if f.Fits(e) {
				want = append(want, e.ID)
			}
		}
		for _, size := range []struct{ limit, test int }{{1000, 10_000}, {7, 10_000}, {7, 20}, {1000, 30}} {
			if got := pagesOf(t, s, eventlog.Query{Filter: f, Limit: size.limit, Test: size.test}); !slices.Equal(got, want) {
				t.Errorf("%s, %d of %d tested: %d events, want %d", name, size.limit, size.test, len(got), len(want))
			}
		}
		total := 0
		for q := (eventlog.Query{Filter: f, Test: 50}); ; {
			n, tested, err := s.CountFitting(t.Context(), q)
			must(t, err)
			total += int(n)
			if q.Older = tested; tested.IsZero() {
				break
			}
		}
		if total != len(want) {
			t.Errorf("%s: counted %d, want %d", name, total, len(want))
		}
	}
	if got, _, err := s.FindEvents(t.Context(), eventlog.Query{Limit: 1}); err != nil || got[0] != all[0] {
		t.Errorf("%+v (%v), want %+v", got, err, all[0])
	}
}

// pagesOf reads all pages. A page that is full goes on from its last event, another from the last that was tested.
func pagesOf(t *testing.T, s Store, q eventlog.Query) (ids []uuid.UUID) {
	t.Helper()
	for range 1000 {
		events, tested, err := s.FindEvents(t.Context(), q)
		must(t, err)
		for _, e := range events {
			ids = append(ids, e.ID)
		}
		switch {
		case len(events) == q.Limit:
			last := events[len(events)-1]
			q.Older = cursor.Position{At: last.At, ID: last.ID}
		case tested.IsZero():
			return ids
		default:
			q.Older = tested
		}
	}
	t.Fatal("the pages have no end")
	return nil
}

func newerEvents(t *testing.T, s Store) {
	if p, err := s.Newest(t.Context()); err != nil || !p.IsZero() {
		t.Errorf("the newest of none is %+v (%v)", p, err)
	}
	all, _, _, _ := aLog(t, s)
	newest := cursor.Position{At: all[0].At, ID: all[0].ID}
	if p, err := s.Newest(t.Context()); err != nil || p != newest {
		t.Errorf("the newest is %+v (%v), want %+v", p, err, newest)
	}
	after := cursor.Position{At: all[10].At, ID: all[10].ID}
	got, err := s.Newer(t.Context(), after, 5)
	must(t, err)
	ids := []uuid.UUID{uuid.New()}
	for i, p := range got {
		if want := all[9-i]; p.ID != want.ID || !p.At.Equal(want.At) {
			t.Errorf("%d: %+v, want %s", i, p, want.ID)
		}
		ids = append(ids, p.ID)
	}
	if events, err := s.EventsByID(t.Context(), ids); err != nil || len(events) != 5 || len(got) != 5 {
		t.Errorf("%d events of %d (%v)", len(events), len(got), err)
	}
	if got, err := s.Newer(t.Context(), cursor.Position{}, 1000); err != nil || len(got) != len(all) {
		t.Errorf("%d events (%v)", len(got), err)
	}
}

func labels(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	got, err := s.Labels(t.Context(), []uuid.UUID{ada.ID, uuid.New()})
	if err != nil || len(got) != 1 || got[ada.ID] != ada.Label() || ada.Label() == "" {
		t.Errorf("%q (%v), want %q", got, err, ada.Label())
	}
}
