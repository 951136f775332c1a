package liveconn_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

// world is a registry, what it looks at, and what it did.
type world struct {
	*liveconn.Registry
	set *revocation.Set

	mu      sync.Mutex
	live    map[uuid.UUID]int64 // the sessions of the database, with their roles version
	asked   int                 // queries
	longest int                 // the most sessions that one asked for
	away    error               // what the database answers
	age     time.Duration       // of the snapshot
	told    []liveconn.Reason
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{set: revocation.NewSet(nil), live: map[uuid.UUID]int64{}}
	var err error
	w.Registry, err = liveconn.New(liveconn.Config{Revocations: w.set, Sessions: w, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Age: func() time.Duration {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.age
		},
		Ended: func(why liveconn.Reason) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.told = append(w.told, why)
		}, Cut: func(liveconn.Ending) {}, Open: func(liveconn.Kind, int) {}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// LiveSessions is the database.
func (w *world) LiveSessions(_ context.Context, ids []uuid.UUID, _ time.Time) (live []authcore.LiveSession, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	w.longest = max(w.longest, len(ids))
	for _, id := range ids {
		if version, ok := w.live[id]; ok {
			live = append(live, authcore.LiveSession{ID: id, RolesVersion: version})
		}
	}
	return live, w.away
}

func (w *world) change(do func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do()
}

// opened is a connection and why it was ended.
type opened struct {
	liveconn.Connection
	mu    sync.Mutex
	ends  []liveconn.Reason
	since time.Time // of the last
}

func (w *world) open(session, account uuid.UUID, maxAge time.Duration) *opened {
	return w.openAs(session, account, maxAge, false)
}

func (w *world) openAs(session, account uuid.UUID, maxAge time.Duration, exchange bool) *opened {
	of := &authcore.Holder{SessionID: session, AccountID: account, Epoch: 3, RolesVersion: 2}
	o := &opened{Connection: liveconn.Connection{Of: of, MaxAge: maxAge, Exchange: exchange}}
	o.Ender = endFunc(func(e liveconn.Ending) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.ends, o.since = append(o.ends, e.Reason), e.Since
	})
	w.change(func() {
		if _, known := w.live[session]; !known {
			w.live[session] = 2
		}
	})
	w.Add(&o.Connection)
	return o
}

func (o *opened) want(t testing.TB, what string, want ...liveconn.Reason) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if !slices.Equal(o.ends, want) {
		t.Errorf("%s: ended by %q, expected %q", what, o.ends, want)
	}
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// TestS13_LookEndsWhatIsRevoked: by session, by epoch, by roles; and nobody else's.
func TestS13_LookEndsWhatIsRevoked(t *testing.T) {
	t.Parallel()
	w, until := newWorld(t), time.Now().Add(time.Hour)
	loggedOut, account := newID(), uuid.New()
	first, second := w.open(loggedOut, account, 0), w.open(loggedOut, account, 0)
	sibling := w.open(newID(), account, 0)
	disabled, changed, other := w.open(newID(), uuid.New(), 0), w.open(newID(), uuid.New(), 0), w.open(newID(), uuid.New(), 0)
	all := map[string]*opened{"first": first, "second": second, "sibling": sibling, "disabled": disabled, "changed": changed, "other": other}
	w.Look()
	for what, o := range all {
		o.want(t, what)
	}
	w.set.Apply(
		authcore.Revocation{SessionID: loggedOut, AccountID: account, Until: until},
		authcore.Revocation{AccountID: disabled.Of.AccountID, Epoch: 4, Until: until},
		authcore.Revocation{AccountID: changed.Of.AccountID, RolesVersion: 3, Until: until},
		authcore.Revocation{AccountID: other.Of.AccountID, Epoch: 3, RolesVersion: 2, Until: until})
	w.Look()
	w.Look() // what is ending is not ended again
	first.want(t, "first", liveconn.Revoked)
	second.want(t, "second", liveconn.Revoked)
	sibling.want(t, "sibling")
	disabled.want(t, "disabled", liveconn.Revoked)
	changed.want(t, "changed", liveconn.RolesChanged)
	other.want(t, "other")
	if n := len(w.told); n != 4 {
		t.Errorf("%d connections are counted", n)
	}
	for _, o := range all {
		w.Remove(&o.Connection)
	}
	if n := w.Len(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// A snapshot that is too old for one guard need not be for another.
func TestS13_StaleView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	any5, any30, never := w.open(newID(), uuid.New(), 5*time.Second), w.open(newID(), uuid.New(), 30*time.Second), w.open(newID(), uuid.New(), 0)
	w.change(func() { w.age = 5 * time.Second })
	w.Look()
	any5.want(t, "at its limit")
	w.change(func() { w.age = 6 * time.Second })
	w.Look()
	any5.want(t, "past its limit", liveconn.Stale)
	any30.want(t, "another limit")
	w.change(func() { w.age = time.Duration(1<<63 - 1) })
	w.Look()
	any30.want(t, "never confirmed", liveconn.Stale)
	never.want(t, "without a limit")
}

// TestS13_ConfirmedByTheDatabase: what was missed, since the revocation is forgotten, and what ended without one.
func TestS13_ConfirmedByTheDatabase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone, again, changed, well := w.open(newID(), uuid.New(), 0), newID(), w.open(newID(), uuid.New(), 0), w.open(newID(), uuid.New(), 0)
	one, two := w.open(again, uuid.New(), 0), w.open(again, uuid.New(), 0)
	w.change(func() {
		delete(w.live, gone.Of.SessionID)
		delete(w.live, again)
		w.live[changed.Of.SessionID]++
		w.away = authcore.ErrUnavailable
	})
	if err := w.Confirm(t.Context()); !errors.Is(err, authcore.ErrUnavailable) {
		t.Fatalf("the outage is %v", err)
	}
	for what, o := range map[string]*opened{"gone": gone, "one": one, "changed": changed} {
		o.want(t, "in an outage "+what)
	}
	w.change(func() { w.away = nil })
	if err := w.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	gone.want(t, "gone", liveconn.Expired)
	one.want(t, "one", liveconn.Expired)
	two.want(t, "two", liveconn.Expired)
	changed.want(t, "changed", liveconn.RolesChanged)
	well.want(t, "well")
}

// However many there are, each session is asked for once, in pages.
func TestRegistry_ConfirmsInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const sessions = 2500
	open := map[*opened]bool{} // whether its session lives
	for i := range sessions {
		id := newID()
		for range 1 + i%3 {
			open[w.open(id, uuid.New(), 0)] = i%7 != 0
		}
		if i%7 == 0 {
			w.change(func() { delete(w.live, id) })
		}
	}
	if err := w.Confirm(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.asked != 3 || w.longest != 1000 {
		t.Errorf("%d queries, of up to %d sessions", w.asked, w.longest)
	}
	for o, lives := range open {
		if ended := len(o.ends) > 0; ended == lives {
			t.Fatalf("a connection of a session that lives (%t) is ended (%t)", lives, ended)
		}
	}
}

// TestS13_RunsInTime: once a second against memory, every half minute against the database, again at once after an
// outage. A revocation that nobody keeps any more when the node hears again does not let a connection live.
func TestS13_RunsInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		for range 2 { // as during a reload
			running.Go(func() { w.Run(ctx) })
		}
		revoked, gone, well := w.open(newID(), uuid.New(), 0), w.open(newID(), uuid.New(), 0), w.open(newID(), uuid.New(), 0)
		synctest.Wait()
		time.Sleep(10*time.Second + time.Millisecond)
		w.set.Apply(authcore.Revocation{SessionID: revoked.Of.SessionID, AccountID: revoked.Of.AccountID, Until: time.Now().Add(time.Minute)})
		time.Sleep(time.Second)
		synctest.Wait()
		revoked.want(t, "a second after a revocation that it is not told of", liveconn.Revoked)

		w.change(func() { delete(w.live, gone.Of.SessionID); w.away = authcore.ErrUnavailable })
		time.Sleep(time.Minute)
		gone.want(t, "in an outage")
		w.change(func() { w.away, w.asked = nil, 0 })
		time.Sleep(time.Second)
		synctest.Wait()
		gone.want(t, "a second after the outage", liveconn.Expired)
		queries := func(what string, want int) {
			t.Helper()
			synctest.Wait()
			w.change(func() {
				if w.asked != want {
					t.Errorf("%s: %d queries, expected %d", what, w.asked, want)
				}
			})
		}
		time.Sleep(28 * time.Second)
		queries("in half a minute", 1)
		time.Sleep(2 * time.Second)
		queries("after half a minute", 2)
		well.want(t, "a session that lives")
		cancel()
		running.Wait()
	})
}

// A registry that is closed ends what it has and what still comes.
func TestRegistry_Close(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before := w.open(newID(), uuid.New(), 0)
	w.Close()
	before.want(t, "before", liveconn.ShuttingDown)
	w.open(newID(), uuid.New(), 0).want(t, "after", liveconn.ShuttingDown)
}

// After Remove nothing of a connection is touched, whatever else goes on.
func TestRegistry_RemoveIsFinal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var working sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					w.Look()
				}
			}
		})
	}
	var opening sync.WaitGroup
	for range 8 {
		opening.Go(func() {
			for range 500 {
				removed := false // without a lock: the race detector sees a late End
				c := &liveconn.Connection{Of: &authcore.Holder{SessionID: newID(), AccountID: uuid.New()}}
				c.Ender = endFunc(func(liveconn.Ending) {
					if removed {
						t.Error("ended after it was removed")
					}
				})
				w.Add(c)
				w.set.Apply(authcore.Revocation{SessionID: c.Of.SessionID, Until: time.Now().Add(time.Minute)})
				w.Remove(c)
				removed = true
			}
		})
	}
	opening.Wait()
	close(stop)
	working.Wait()
	if n := w.Len(); n != 0 {
		t.Errorf("%d connections are left", n)
	}
}

// A connection that goes while others are being ended is not ended any more.
func TestRegistry_RemovedMeanwhile(t *testing.T) {
	t.Parallel()
	w, of := newWorld(t), &authcore.Holder{SessionID: newID()}
	var both [2]*liveconn.Connection
	for i := range both {
		both[i] = &liveconn.Connection{Of: of, Ender: endFunc(func(liveconn.Ending) { w.Remove(both[1-i]) })}
		w.Add(both[i])
	}
	w.set.Apply(authcore.Revocation{SessionID: of.SessionID, Until: time.Now().Add(time.Minute)})
	w.Look()
	if n := w.Len(); n != 1 || len(w.told) != 1 {
		t.Errorf("%d connections are left and %d were ended", n, len(w.told))
	}
}

func TestNew_NeedsEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	whole := liveconn.Config{Revocations: w.set, Sessions: w, Age: func() time.Duration { return 0 }, Logger: slog.Default(),
		Ended: func(liveconn.Reason) {}, Cut: func(liveconn.Ending) {}, Open: func(liveconn.Kind, int) {}}
	without := map[string]func(*liveconn.Config){
		"revocations": func(c *liveconn.Config) { c.Revocations = nil }, "sessions": func(c *liveconn.Config) { c.Sessions = nil },
		"age": func(c *liveconn.Config) { c.Age = nil }, "ended": func(c *liveconn.Config) { c.Ended = nil }, "cut": func(c *liveconn.Config) { c.Cut = nil }, "open": func(c *liveconn.Config) { c.Open = nil }, "logger": func(c *liveconn.Config) { c.Logger = nil },
	}
	for _, what := range slices.Sorted(maps.Keys(without)) {
		cfg := whole
		without[what](&cfg)
		if _, err := liveconn.New(cfg); err == nil {
			t.Errorf("made without %s", what)
		}
	}
}

// BenchmarkRegistry_Look is one look at 100 000 connections, of which there is one in a second.
func BenchmarkRegistry_Look(b *testing.B) {
	for _, revocations := range []int{1, 100_000} {
		b.Run(fmt.Sprintf("revocations=%d", revocations), func(b *testing.B) {
			w := newWorld(b)
			for range revocations {
				w.set.Apply(authcore.Revocation{SessionID: newID(), Until: time.Now().Add(time.Hour)})
			}
			for range 100_000 {
				w.open(newID(), uuid.New(), 30*time.Second)
			}
			for b.Loop() {
				w.Look()
			}
		})
	}
}

// BenchmarkRegistry_Add is what opening and closing a connection costs.
func BenchmarkRegistry_Add(b *testing.B) {
	w := newWorld(b)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c := &liveconn.Connection{Of: &authcore.Holder{SessionID: newID(), AccountID: uuid.New()}, Ender: endFunc(func(liveconn.Ending) {})}
			w.Add(c)
			w.Remove(c)
		}
	})
}

// endFunc is a function as an Ender.
type endFunc func(liveconn.Ending)

func (f endFunc) End(e liveconn.Ending) { f(e) }
