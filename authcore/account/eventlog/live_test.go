package eventlog_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// table is events as they become visible, in any order.
type table struct {
	eventlog.Store
	mu   sync.Mutex
	rows []authcore.Event
	asks int
}

func (s *table) add(e authcore.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, e)
	slices.SortFunc(s.rows, func(a, b authcore.Event) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
}

func (s *table) Newest(context.Context) (p cursor.Position, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.rows); n > 0 {
		p = cursor.Position{At: s.rows[n-1].At, ID: s.rows[n-1].ID}
	}
	return p, nil
}

func (s *table) Newer(_ context.Context, after cursor.Position, limit int) (page []cursor.Position, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks++
	for _, e := range s.rows {
		c := e.At.Compare(after.At)
		if c > 0 || c == 0 && slices.Compare(e.ID[:], after.ID[:]) > 0 {
			if page = append(page, cursor.Position{At: e.At, ID: e.ID}); len(page) == limit {
				break
			}
		}
	}
	return page, nil
}

func (s *table) EventsByID(_ context.Context, ids []uuid.UUID) (found []authcore.Event, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.rows {
		if slices.Contains(ids, e.ID) {
			found = append(found, e)
		}
	}
	return found, nil
}

func liveOn(t *testing.T, s eventlog.Store) *eventlog.Live {
	t.Helper()
	signer, err := cursor.NewSigner(func() secret.MACKey { panic("no list is read") })
	if err != nil {
		t.Fatal(err)
	}
	flow, err := eventlog.New(eventlog.Config{Store: s, Cursors: signer})
	if err != nil {
		t.Fatal(err)
	}
	l, err := eventlog.NewLive(flow, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// TestM07_EachEventIsToldOnce: events become visible up to seconds after their time and in any order, and their reader breaks off again and
// again, comes back to either node with the mark of the last event it was told of, and lags behind: it is told of each event once.
func TestM07_EachEventIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, want := &table{}, map[uuid.UUID]bool{}
		nodes := []*eventlog.Live{liveOn(t, s), liveOn(t, s)}
		r, err := nodes[0].Open(t.Context(), eventlog.Filter{}, "")
		if err != nil {
			t.Fatal(err)
		}
		var commits sync.WaitGroup
		for range 1200 {
			e := authcore.Event{ID: uuid.New(), At: time.Now(), Kind: authcore.EventSignedIn}
			want[e.ID] = true
			commits.Go(func() {
				time.Sleep(time.Duration(rand.IntN(9000)) * time.Millisecond)
				s.add(e)
			})
			time.Sleep(time.Duration(rand.IntN(50)) * time.Millisecond)
		}
		told, mark, done := map[uuid.UUID]int{}, "", time.Now().Add(60*time.Second)
		for time.Now().Before(done) {
			mark = readSome(t, r, mark, told)
			r.Close()
			time.Sleep(time.Duration(rand.IntN(1500)) * time.Millisecond)
			if mark == "" {
				mark = eventlogBeginning
			}
			if r, err = nodes[rand.IntN(2)].Open(t.Context(), eventlog.Filter{}, mark); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		commits.Wait()
		if len(told) != len(want) {
			t.Errorf("told of %d events, want %d", len(told), len(want))
		}
		for id, n := range told {
			if n != 1 || !want[id] {
				t.Errorf("told %d times of %s", n, id)
			}
		}
		if nodes[0].Readers()+nodes[1].Readers() != 0 {
			t.Error("readers are left")
		}
		synctest.Wait()
		asks := s.asks
		if time.Sleep(10 * time.Second); s.asks != asks {
			t.Error("without readers the database is asked")
		}
	})
}

// eventlogBeginning is the mark of a reader that was told of nothing since the beginning of time.
const eventlogBeginning = "AAAAAAAAAAA"

// readSome reads until somebody cuts the connection, perhaps between two events that were told at once.
func readSome(t *testing.T, r *eventlog.Reader, mark string, told map[uuid.UUID]int) string {
	cut := time.After(time.Duration(rand.IntN(3000)) * time.Millisecond)
	errCut := context.Canceled
	for {
		select {
		case <-cut:
			return mark
		case <-r.Over():
			t.Fatal("the reader is over")
		case <-r.News():
			err := r.Next(t.Context(), func(e eventlog.Told) error {
				told[e.ID]++
				mark = e.Mark
				if rand.IntN(40) == 0 {
					return errCut
				}
				return nil
			})
			if err != nil {
				return mark
			}
		}
	}
}

// A filter says what is told; a slow reader is ended and comes back; Close ends all, and a node takes so many and no more.
func TestLive_Readers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &table{}
		l := liveOn(t, s)
		at := time.Now()
		event := func(kind authcore.EventKind) authcore.Event {
			at = at.Add(time.Microsecond)
			e := authcore.Event{ID: uuid.New(), At: at, Kind: kind}
			s.add(e)
			return e
		}
		before := event(authcore.EventSignedIn)
		var all []*eventlog.Reader
		for range eventlog.MaxReaders {
			r, err := l.Open(t.Context(), eventlog.Filter{Kinds: []authcore.EventKind{authcore.EventSignedOut}}, "")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, r)
		}
		if _, err := l.Open(t.Context(), eventlog.Filter{}, ""); authcore.CodeOf(err) != authcore.LimitReached {
			t.Errorf("one more: %v", err)
		}
		all[1].Close()
		if _, err := l.Open(t.Context(), eventlog.Filter{}, "made up"); authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("a mark that is none: %v", err)
		}
		if _, err := l.Open(t.Context(), eventlog.Filter{}, uuid.NewString()); authcore.CodeOf(err) != authcore.InvalidRequest {
			t.Errorf("an event that is none: %v", err)
		}
		after, err := l.Open(t.Context(), eventlog.Filter{}, before.ID.String())
		if err != nil {
			t.Fatal(err)
		}
		in, out := event(authcore.EventSignedIn), event(authcore.EventSignedOut)
		ids := func(r *eventlog.Reader) (got []uuid.UUID) {
			time.Sleep(time.Second)
			for {
				select {
				case <-r.News():
					if err := r.Next(t.Context(), func(e eventlog.Told) error { got = append(got, e.ID); return nil }); err != nil {
						t.Error(err)
					}
				default:
					return got
				}
			}
		}
		if got := ids(all[0]); !slices.Equal(got, []uuid.UUID{out.ID}) {
			t.Errorf("told of %v", got)
		}
		if got := ids(after); !slices.Equal(got, []uuid.UUID{in.ID, out.ID}) {
			t.Errorf("told of %v", got)
		}
		for range 5100 { // nobody reads meanwhile
			event(authcore.EventSignedIn)
		}
		time.Sleep(time.Second)
		for _, r := range []*eventlog.Reader{all[0], after} {
			select {
			case <-r.Over():
			default:
				t.Error("a reader that is too slow goes on")
			}
		}
		l.Close()
		if _, err := l.Open(t.Context(), eventlog.Filter{}, ""); authcore.CodeOf(err) != authcore.Unavailable {
			t.Errorf("after Close: %v", err)
		}
		for _, r := range all {
			r.Close()
		}
		after.Close()
	})
}
