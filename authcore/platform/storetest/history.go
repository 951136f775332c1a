package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
)

var histories = []promise{
	{"the events of an account as they were written, the latest first", accountEvents},
	{"pages of events in both directions meet each event once, also those of one instant", accountEventPages},
}

// aHistory writes n events of an account, two at each instant, of kinds and methods in turn. It returns them latest first.
func aHistory(t *testing.T, s Store, account uuid.UUID, n int) []authcore.Event {
	t.Helper()
	kinds := []authcore.EventKind{authcore.EventSignedIn, authcore.EventSignInFailed, authcore.EventPasswordChanged}
	events := make([]authcore.Event, n)
	for i := range events {
		e := anEvent(kinds[i%3], start.Add(time.Duration(i/2)*time.Second))
		e.AccountID, e.Method, e.Host = account, []string{"password", "link", "code", ""}[i%4], "auth.example.com:8443"
		e.ID = uuid.MustParse(fmt.Sprintf("00000000-0000-7000-8000-%012d", i))
		if i%2 == 0 {
			e.SessionID, e.DeviceID, e.Result = uuid.New(), uuid.New(), "invalid_credentials"
		}
		events[n-1-i] = e
	}
	must(t, s.Record(t.Context(), authcore.Effects{Events: events}))
	return events
}

func accountEvents(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	all := aHistory(t, s, ada.ID, 24)
	other := anEvent(authcore.EventSignedIn, start)
	other.AccountID = bob.ID
	must(t, s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{other, anEvent(authcore.EventSignInFailed, start)}}))
	logins := []authcore.EventKind{authcore.EventSignedIn, authcore.EventSignInFailed}
	is := func(e authcore.Event, kinds ...authcore.EventKind) bool {
		for _, k := range kinds {
			if e.Kind == k {
				return true
			}
		}
		return false
	}
	since, until := start.Add(2*time.Second), start.Add(8*time.Second)
	for name, c := range map[string]struct {
		ask  history.Query
		want func(authcore.Event) bool
	}{
		"all":           {history.Query{}, func(authcore.Event) bool { return true }},
		"of one kind":   {history.Query{Kinds: logins[1:]}, func(e authcore.Event) bool { return is(e, logins[1]) }},
		"of two kinds":  {history.Query{Kinds: logins}, func(e authcore.Event) bool { return is(e, logins...) }},
		"of one method": {history.Query{Kinds: logins, Method: "link"}, func(e authcore.Event) bool { return is(e, logins...) && e.Method == "link" }},
		"of a time": {history.Query{Since: since, Until: until}, func(e authcore.Event) bool {
			return !e.At.Before(since) && e.At.Before(until)
		}},
		"of a kind that it has none of": {history.Query{Kinds: []authcore.EventKind{authcore.EventExported}}, func(authcore.Event) bool { return false }},
	} {
		var want []authcore.Event
		for _, e := range all {
			if c.want(e) {
				want = append(want, e)
			}
		}
		c.ask.AccountID = ada.ID
		for _, limit := range []int{len(want) + 1, 3} {
			c.ask.Limit = limit
			got, err := s.AccountEvents(t.Context(), c.ask)
			if diff := cmp.Diff(want[:min(limit, len(want))], got); diff != "" || err != nil {
				t.Errorf("%s, %d at most: %v (-want +got):\n%s", name, limit, err, diff)
			}
		}
	}
}

func accountEventPages(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	all := aHistory(t, s, ada.ID, 23)
	for name, kinds := range map[string][]authcore.EventKind{
		"all": nil, "of two kinds": {authcore.EventSignedIn, authcore.EventPasswordChanged},
	} {
		want := all
		if kinds != nil {
			want = nil
			for _, e := range all {
				if e.Kind != authcore.EventSignInFailed {
					want = append(want, e)
				}
			}
		}
		q := history.Query{AccountID: ada.ID, Kinds: kinds, Limit: 3}
		var down, up []authcore.Event
		for page := q; ; {
			got, err := s.AccountEvents(t.Context(), page)
			must(t, err)
			if len(got) == 0 {
				break
			}
			down = append(down, got...)
			page.Older = placeOf(got[len(got)-1])
		}
		q.Newer = placeOf(want[len(want)-1])
		for page := q; ; {
			got, err := s.AccountEvents(t.Context(), page)
			must(t, err)
			if len(got) == 0 {
				break
			}
			up = append(append([]authcore.Event{}, got...), up...)
			page.Newer = placeOf(got[0])
		}
		if diff := cmp.Diff(want, down); diff != "" {
			t.Errorf("%s, down (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want[:len(want)-1], up); diff != "" {
			t.Errorf("%s, up (-want +got):\n%s", name, diff)
		}
	}
}

func placeOf(e authcore.Event) cursor.Position { return cursor.Position{At: e.At, ID: e.ID} }
