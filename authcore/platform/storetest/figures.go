package storetest

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

var figures = []promise{
	{"events are counted by hour, kind, result and method", countEvents},
	{"figures are replaced, and found by their hour", saveFigures},
	{"sessions that can be refreshed are counted, each sign-in once", countSessions},
	{"of 100 that ask for a lease one gets it, and the next when it is over", leases},
	{"a node has one row", nodeRows},
}

func countEvents(t *testing.T, s Store) {
	hour := start.Truncate(time.Hour)
	event := func(kind authcore.EventKind, at time.Time, result, method string) authcore.Event {
		e := anEvent(kind, at)
		e.Result, e.Method = result, method
		return e
	}
	must(t, s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{
		event(authcore.EventSignedIn, hour.Add(-time.Microsecond), "success", "password"),
		event(authcore.EventSignedIn, hour, "success", "password"),
		event(authcore.EventSignedIn, hour.Add(time.Minute), "success", "password"),
		event(authcore.EventSignedIn, hour.Add(time.Hour-time.Microsecond), "success", "passkey"),
		event(authcore.EventSignInFailed, hour.Add(time.Hour), "invalid_credentials", "password"),
		event(authcore.EventPasswordChanged, hour, "success", ""),
	}}))
	got, err := s.CountEvents(t.Context(), []authcore.EventKind{authcore.EventSignedIn, authcore.EventSignInFailed}, hour)
	must(t, err)
	slices.SortFunc(got, func(a, b stats.Count) int { return cmp.Or(a.Hour.Compare(b.Hour), cmp.Compare(a.Method, b.Method)) })
	want := []stats.Count{
		{Hour: hour, Kind: authcore.EventSignedIn, Result: "success", Method: "passkey", N: 1},
		{Hour: hour, Kind: authcore.EventSignedIn, Result: "success", Method: "password", N: 2},
		{Hour: hour.Add(time.Hour), Kind: authcore.EventSignInFailed, Result: "invalid_credentials", Method: "password", N: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func saveFigures(t *testing.T, s Store) {
	hour := start.Truncate(time.Hour)
	if last, err := s.LastFigures(t.Context()); err != nil || !last.IsZero() {
		t.Errorf("the last of none is %s (%v)", last, err)
	}
	labels := stats.Labels{Result: "success", Method: "password"}
	all := []stats.Figure{{Hour: hour, Name: stats.SignIns, Labels: labels, N: 1}, {Hour: hour, Name: stats.Lockouts, N: 2}}
	must(t, s.SaveFigures(t.Context(), all))
	all[0].N = 5
	must(t, s.SaveFigures(t.Context(), all))
	for i := range 1500 { // more than one statement takes
		all = append(all, stats.Figure{Hour: hour.Add(time.Duration(i+1) * time.Hour), Name: stats.Blocks, N: int64(i)})
	}
	must(t, s.SaveFigures(t.Context(), all))
	got, err := s.Figures(t.Context(), hour, hour.Add(time.Hour))
	must(t, err)
	slices.SortFunc(got, func(a, b stats.Figure) int { return cmp.Compare(b.Name, a.Name) })
	if !slices.Equal(got, all[:2]) {
		t.Errorf("%+v, want %+v", got, all[:2])
	}
	if got, err := s.Figures(t.Context(), hour.Add(time.Hour), hour.Add(9000*time.Hour)); err != nil || len(got) != 1500 {
		t.Errorf("%d figures (%v)", len(got), err)
	}
	if last, err := s.LastFigures(t.Context()); err != nil || !last.Equal(hour.Add(1500*time.Hour)) {
		t.Errorf("the last is %s (%v)", last, err)
	}
}

func countSessions(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	is := func(want int64, at time.Time) {
		t.Helper()
		if n, err := s.CountSessions(t.Context(), at); err != nil || n != want {
			t.Errorf("%d sessions (%v), want %d", n, err, want)
		}
	}
	is(1, start)
	is(0, sess.RefreshExpiresAt)
	_, err := s.RevokeSessions(t.Context(), a.ID, nil, true, start, authcore.Effects{})
	must(t, err)
	is(0, start)
}

func leases(t *testing.T, s Store) {
	take := func(at time.Time) (free int64) {
		var wg sync.WaitGroup
		var n atomic.Int64
		for range 100 {
			wg.Go(func() {
				ok, err := s.Lease(t.Context(), "a", at, at.Add(time.Minute))
				if err != nil {
					t.Error(err)
				}
				if ok {
					n.Add(1)
				}
			})
		}
		wg.Wait()
		return n.Load()
	}
	for i, want := range []int64{1, 0, 1} {
		if got := take(start.Add(time.Duration(i) * 30 * time.Second)); got != want {
			t.Errorf("after %d half minutes %d have it, want %d", i, got, want)
		}
	}
	if ok, err := s.Lease(t.Context(), "b", start, start.Add(time.Minute)); err != nil || !ok {
		t.Errorf("another is not free (%v)", err)
	}
}

func nodeRows(t *testing.T, s Store) {
	n := stats.Node{ID: uuid.New(), Version: "v1", State: stats.NodeReady, StartedAt: start, SeenAt: start, ViewAge: 3 * time.Millisecond, ClockSkew: -time.Second, Settings: 3}
	must(t, s.SaveNode(t.Context(), n))
	other := n
	other.ID = uuid.New()
	must(t, s.SaveNode(t.Context(), other))
	n.Version, n.State, n.SeenAt, n.ViewAge, n.Settings = "v2", stats.NodeUnready, start.Add(2*time.Hour), time.Minute, 4
	must(t, s.SaveNode(t.Context(), n))
	must(t, s.Sweep(t.Context(), start.Add(2*time.Hour)))
	if got, err := s.Nodes(t.Context()); err != nil || !slices.Equal(got, []stats.Node{n}) {
		t.Errorf("%+v (%v), want %+v", got, err, n)
	}
	must(t, s.RemoveNode(t.Context(), n.ID))
	if got, err := s.Nodes(t.Context()); err != nil || len(got) > 0 {
		t.Errorf("%+v (%v)", got, err)
	}
}
