package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/history"
)

// sessionLists are the promises about sessions as administrators see and end them.
var sessionLists = []promise{
	{"every filter finds the live sessions that fit it, the newest first, in pages of any size", listSessionsOfAll},
	{"those named end, whosever they are, with their child sessions, and it is written who is told", endSessionsOfAll},
	{"of those who end one session at once one has ended it", endOneSessionOnce},
	{"what is written when everybody's sessions end is written once for each", tellEverybody},
}

func listSessionsOfAll(t *testing.T, s Store) {
	ada, bob, old := withAccount(t, s, "ada"), withAccount(t, s, "bob"), withAccount(t, s, "old")
	hosts := []string{"", "https://app.example.com", "http://app.example.com", "https://app.example.com:8443"}
	var all []authcore.Session
	for i := range 48 {
		sess := aSession([]authcore.Account{ada, bob}[i%2], fmt.Sprint(i))
		sess.CreatedAt = start.Add(time.Duration(i/3) * time.Second) // three at each instant
		sess.Addr, sess.Origin = fmt.Sprintf("192.0.2.%d", i%3), hosts[i%4]
		switch i {
		case 5:
			sess.RefreshExpiresAt = start
		case 9:
			sess.ExpiresAt = start
		}
		must(t, openPlain(t.Context(), s, sess, authcore.Effects{}))
		if i != 5 && i != 9 && i != 20 {
			all = append(all, sess)
		}
		if i == 20 {
			_, err := s.RevokeSessions(t.Context(), sess.AccountID, []uuid.UUID{sess.ID}, false, start, authcore.Effects{})
			must(t, err)
		}
	}
	// Of an account whose epoch was raised none goes on.
	withSession(t, s, old, "old")
	_, _, err := s.EndAccount(t.Context(), old.ID, start, authcore.Effects{})
	must(t, err)
	slices.SortFunc(all, func(a, b authcore.Session) int {
		return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), slices.Compare(b.ID[:], a.ID[:]))
	})
	fits := func(f admin.SessionFilter, sess authcore.Session) bool {
		return (f.Account == uuid.Nil || sess.AccountID == f.Account) && (f.Addr == "" || sess.Addr == f.Addr) &&
			(f.Host == "" || sess.Origin == "https://"+f.Host || sess.Origin == "http://"+f.Host)
	}
	for name, f := range map[string]admin.SessionFilter{
		"everybody":              {},
		"of an account":          {Account: ada.ID},
		"of an ended account":    {Account: old.ID},
		"from an address":        {Addr: "192.0.2.1"},
		"of a host":              {Host: "app.example.com"},
		"of a host with a port":  {Host: "app.example.com:8443"},
		"of one from an address": {Account: bob.ID, Addr: "192.0.2.2"},
		"all three":              {Account: bob.ID, Addr: "192.0.2.2", Host: "app.example.com:8443"},
		"an address and a host":  {Addr: "192.0.2.0", Host: "app.example.com"},
		"nobody":                 {Account: uuid.New()},
	} {
		var want []uuid.UUID
		for _, sess := range all {
			if fits(f, sess) {
				want = append(want, sess.ID)
			}
		}
		for _, limit := range []int{200, 7, 1} {
			if got := sessionPages(t, s, admin.SessionQuery{SessionFilter: f, Limit: limit, Now: start}); !slices.Equal(got, want) {
				t.Errorf("%s by %d: %d sessions, want %d", name, limit, len(got), len(want))
			}
		}
	}
}

func sessionPages(t *testing.T, s Store, q admin.SessionQuery) (ids []uuid.UUID) {
	t.Helper()
	for range 100 {
		page, err := s.SessionsOfAll(t.Context(), q)
		must(t, err)
		for _, sess := range page.Sessions {
			ids = append(ids, sess.ID)
		}
		if q.Older = page.Next; q.Older.IsZero() {
			return ids
		}
	}
	t.Fatal("the pages have no end")
	return nil
}

// tellsEach has one event written for each session that ended.
func tellsEach(ended []authcore.Revocation) (fx authcore.Effects) {
	for _, r := range ended {
		e := anEvent(authcore.EventEndedByAdmin, start)
		e.AccountID, e.SessionID = r.AccountID, r.SessionID
		fx.Events = append(fx.Events, e)
	}
	return fx
}

func endSessionsOfAll(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	one, two, stays := withSession(t, s, ada, "1"), withSession(t, s, bob, "2"), withSession(t, s, bob, "3")
	child := aSession(ada, "child")
	child.ParentID, child.Origin = one.ID, "https://app.example.com"
	must(t, openPlain(t.Context(), s, child, authcore.Effects{}))
	ended, err := s.EndSessions(t.Context(), []uuid.UUID{one.ID, two.ID, uuid.New()}, start, tellsEach)
	must(t, err)
	gone := map[uuid.UUID]uuid.UUID{}
	for _, r := range ended {
		if gone[r.SessionID] = r.AccountID; r.Seq == 0 {
			t.Errorf("revocation %+v", r)
		}
	}
	if len(ended) != 3 || gone[one.ID] != ada.ID || gone[child.ID] != ada.ID || gone[two.ID] != bob.ID {
		t.Errorf("ended %+v", ended)
	}
	if left := sessionPages(t, s, admin.SessionQuery{Limit: 10, Now: start}); len(left) != 1 || left[0] != stays.ID {
		t.Errorf("left %v", left)
	}
	for id, account := range gone {
		if n := eventsAbout(t, s, account, id); n != 1 {
			t.Errorf("%d events tell of session %s", n, id)
		}
	}
	if _, err := s.EndSessions(t.Context(), []uuid.UUID{one.ID}, start, tellsEach); !errors.Is(err, authcore.ErrNotFound) {
		t.Errorf("again: %v", err)
	}
}

func eventsAbout(t *testing.T, s Store, account, session uuid.UUID) (n int) {
	t.Helper()
	events, err := s.AccountEvents(t.Context(), history.Query{AccountID: account, Kinds: []authcore.EventKind{authcore.EventEndedByAdmin}, Limit: 100})
	must(t, err)
	for _, e := range events {
		if e.SessionID == session {
			n++
		}
	}
	return n
}

func endOneSessionOnce(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	sess := withSession(t, s, ada, "1")
	results := make(chan error, 100)
	for range 100 {
		go func() {
			_, err := s.EndSessions(t.Context(), []uuid.UUID{sess.ID}, start, tellsEach)
			results <- err
		}()
	}
	ended := 0
	for range 100 {
		switch err := <-results; {
		case err == nil:
			ended++
		case !errors.Is(err, authcore.ErrNotFound):
			t.Error(err)
		}
	}
	if n := eventsAbout(t, s, ada.ID, sess.ID); ended != 1 || n != 1 {
		t.Errorf("%d have ended it, %d events tell of it", ended, n)
	}
}

func tellEverybody(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	of := map[uuid.UUID]uuid.UUID{}
	for i := range 4 {
		of[withSession(t, s, ada, fmt.Sprint("a", i)).ID] = ada.ID
		of[withSession(t, s, bob, fmt.Sprint("b", i)).ID] = bob.ID
	}
	for range 2 { // the second time there is nothing to tell
		for at := uuid.Nil; at != uuid.Max; {
			var err error
			_, at, err = s.EndNext(t.Context(), at, start, tellsEach)
			must(t, err)
		}
	}
	for id, account := range of {
		if n := eventsAbout(t, s, account, id); n != 1 {
			t.Errorf("%d events tell of session %s", n, id)
		}
	}
	if left := sessionPages(t, s, admin.SessionQuery{Older: cursor.Position{}, Limit: 10, Now: start}); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}
