package revoketest

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// Peer is one of several nodes that tell each other of revocations.
type Peer struct {
	Revoker     Revoker
	Revocations authcore.Revocations
	Age         func() time.Duration // of its snapshot
	Fed         func() bool          // the feed confirms its snapshot, without the database
	Stop        func()               // in good order
	Cut, Mend   func()               // this one alone reaches the feed no more, or again
}

// Feed is what peers tell each other through, freshly opened.
type Feed struct {
	Join func() Peer // a further node, which reads truth; it registers its own clean-up
	Cut  func()      // nobody reaches the feed any more
	Mend func()
	Lose func() // the feed forgets all it holds
}

// Truth is the database behind the feed, where revocations are before they are announced.
type Truth struct {
	mu   sync.Mutex
	all  []authcore.Revocation
	down bool
}

// Source returns the revocations after a number, or an error while the database is down.
func (d *Truth) Source(_ context.Context, after int64, _ time.Time) ([]authcore.Revocation, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.down:
		return nil, authcore.ErrUnavailable
	case after >= int64(len(d.all)):
		return nil, nil
	}
	return slices.Clone(d.all[after:]), nil
}

// Down makes the database answer nothing, or again.
func (d *Truth) Down(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

// commit stores revocations of n new sessions.
func (d *Truth) commit(n int) (rs []authcore.Revocation) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for range n {
		r := authcore.Revocation{Seq: int64(len(d.all) + 1), SessionID: uuid.New(), AccountID: uuid.New(), Until: time.Now().Add(time.Hour)}
		d.all, rs = append(d.all, r), append(rs, r)
	}
	return rs
}

const (
	// feedLimit is for what has to happen at all.
	feedLimit = 20 * time.Second
	// heartbeat is longer than a snapshot that the feed confirms may be old.
	heartbeat = 3 * time.Second
)

type feedCase struct {
	name string
	run  func(*testing.T, Feed, *Truth)
}

var (
	feedCarries = []feedCase{
		{"Feed/TellsTheOthersWithoutTheDatabase", feedTells},
		{"Feed/ManyInOneCall", feedMany},
		{"Feed/AccountsToo", feedAccounts},
		{"Feed/SeveralSpeakAtOnce", feedSeveral},
		{"Feed/LateComerKnowsWhatWasBefore", feedLateComer},
		{"Feed/ConfirmsTheViewWhileItIsUp", feedConfirms},
		{"Feed/StoppedNodeKeepsNothingBack", feedStop},
		{"Feed/StoppedNodeIsNotWaitedFor", feedGoodbye},
		{"Feed/NodeThatFellSilentIsNotVouchedFor", feedSilent},
	}
	feedFails = []feedCase{
		{"Feed/OutageIsMadeUpFor", feedOutage},
		{"Feed/LossOfEverythingIsMadeUpFor", feedLoss},
		{"Feed/AfterAGapOnlyTheDatabaseConfirms", feedGap},
	}
)

// RunFeed checks that feeds returned by open spread revocations, and that nothing is lost with them.
// open returns an empty feed over the given database and registers its own clean-up.
func RunFeed(t *testing.T, open func(testing.TB, *Truth) Feed) {
	runFeed(t, open, slices.Concat(feedCarries, feedFails))
}

// RunFeedOutages is the part of RunFeed that breaks the feed, for another way of breaking the same
// one; the long form is all of RunFeed.
func RunFeedOutages(t *testing.T, open func(testing.TB, *Truth) Feed) {
	if soak.Long() {
		RunFeed(t, open)
		return
	}
	runFeed(t, open, feedFails)
}

func runFeed(t *testing.T, open func(testing.TB, *Truth) Feed, cases []feedCase) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			truth := new(Truth)
			c.run(t, open(t, truth), truth)
		})
	}
}

// heeds waits until a peer refuses what was revoked.
func (p Peer) heeds(t *testing.T, rs ...authcore.Revocation) {
	t.Helper()
	for _, r := range rs {
		eventually(t, "a revocation arrives", func() bool {
			return p.Revocations.Check(r.SessionID, r.AccountID, r.Epoch-1, 0) == authcore.Revoked
		})
	}
}

// fed waits until the feed confirms a peer's snapshot, so that the database is not needed any more.
func (p Peer) fed(t *testing.T) {
	t.Helper()
	eventually(t, "the feed confirms the snapshot", p.Fed)
}

// fresh waits until a peer's snapshot is confirmed.
func (p Peer) fresh(t *testing.T) {
	t.Helper()
	eventually(t, "the snapshot is confirmed", func() bool { return p.Age() < heartbeat })
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(feedLimit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		<-tick.C
	}
}

// two joins two nodes and waits until the feed carries between them.
func (f Feed) two(t *testing.T, truth *Truth) (a, b Peer) {
	t.Helper()
	a, b = f.Join(), f.Join()
	for _, p := range []struct{ from, to Peer }{{a, b}, {b, a}} {
		rs := truth.commit(1)
		p.from.Revoker.Announce(t.Context(), rs...)
		p.to.heeds(t, rs...)
		p.to.fed(t)
	}
	return a, b
}

// only runs a step while the database is down, so that nothing but the feed can carry it.
func only(truth *Truth, step func()) {
	truth.Down(true)
	step()
	truth.Down(false)
}

func feedTells(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	rs := truth.commit(1)
	only(truth, func() {
		a.Revoker.Announce(t.Context(), rs...)
		b.heeds(t, rs...)
	})
	if b.Revocations.Check(uuid.New(), rs[0].AccountID, 0, 0) != authcore.Valid {
		t.Error("more than the one session is revoked")
	}
}

func feedMany(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	rs := truth.commit(1234)
	only(truth, func() {
		a.Revoker.Announce(t.Context(), rs...)
		b.heeds(t, rs...)
	})
}

func feedAccounts(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	account := uuid.New()
	only(truth, func() {
		a.Revoker.Announce(t.Context(), authcore.Revocation{AccountID: account, Epoch: 7, RolesVersion: 3, Until: time.Now().Add(time.Hour)})
		b.heeds(t, authcore.Revocation{AccountID: account, Epoch: 7})
	})
	for _, c := range []struct {
		epoch, roles int64
		want         authcore.Verdict
	}{{6, 3, authcore.Revoked}, {7, 3, authcore.Valid}, {7, 2, authcore.RolesChanged}} {
		if got := b.Revocations.Check(uuid.New(), account, c.epoch, c.roles); got != c.want {
			t.Errorf("epoch %d, roles %d: verdict %d, want %d", c.epoch, c.roles, got, c.want)
		}
	}
}

func feedSeveral(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	peers := []Peer{a, b, f.Join(), f.Join()}
	for _, p := range peers {
		p.fed(t)
	}
	rs := truth.commit(400)
	truth.Down(true)
	var speakers sync.WaitGroup
	for i, p := range peers {
		speakers.Go(func() {
			for _, r := range rs[i*100 : (i+1)*100] {
				p.Revoker.Announce(context.Background(), r)
			}
		})
	}
	speakers.Wait()
	for _, p := range peers {
		p.heeds(t, rs...)
	}
}

func feedLateComer(t *testing.T, f Feed, truth *Truth) {
	a, _ := f.two(t, truth)
	rs := truth.commit(10)
	a.Revoker.Announce(t.Context(), rs...)
	c := f.Join()
	c.heeds(t, rs...)
	c.fresh(t)
}

func feedOutage(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	f.Cut()
	rs := truth.commit(3)
	start := time.Now()
	a.Revoker.Announce(t.Context(), rs...)
	if took := time.Since(start); took > 100*time.Millisecond {
		t.Errorf("an announcement waited %s for a feed that is cut", took)
	}
	b.heeds(t, rs...) // by the database
	b.fresh(t)
	f.Mend()
	eventually(t, "the feed carries again", func() bool {
		again := truth.commit(1)
		truth.Down(true)
		defer truth.Down(false)
		a.Revoker.Announce(t.Context(), again...)
		deadline := time.Now().Add(300 * time.Millisecond)
		for time.Now().Before(deadline) {
			if b.Revocations.Check(again[0].SessionID, uuid.Nil, 0, 0) == authcore.Revoked {
				return true
			}
		}
		return false
	})
	b.fresh(t)
}

func feedLoss(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	for range 5 {
		rs := truth.commit(20)
		for i, r := range rs {
			a.Revoker.Announce(t.Context(), r)
			if i%7 == 0 {
				f.Lose()
			}
		}
		b.heeds(t, rs...)
	}
	b.fresh(t)
}

func feedConfirms(t *testing.T, f Feed, truth *Truth) {
	_, b := f.two(t, truth)
	truth.Down(true)
	since := time.Now()
	for time.Since(since) < soak.For(heartbeat+time.Second, 10*heartbeat) {
		if age := b.Age(); age > heartbeat {
			t.Fatalf("the snapshot is %s old while the feed is up", age)
		}
		b.wait(t)
	}
}

// wait lets a moment pass.
func (p Peer) wait(t *testing.T) {
	t.Helper()
	timer := time.NewTimer(10 * time.Millisecond)
	defer timer.Stop()
	<-timer.C
}

func feedGap(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	lost := truth.commit(1)
	truth.Down(true)
	f.Cut()
	a.Revoker.Announce(t.Context(), lost...)
	eventually(t, "the outage is noticed", func() bool { return b.Age() > heartbeat })
	f.Mend()
	said := truth.commit(1)
	eventually(t, "the feed carries again", func() bool {
		a.Revoker.Announce(t.Context(), said...)
		b.wait(t)
		return b.Revocations.Check(said[0].SessionID, uuid.Nil, 0, 0) == authcore.Revoked
	})
	since := time.Now()
	for time.Since(since) < heartbeat {
		if age := b.Age(); age < heartbeat {
			t.Fatalf("the snapshot counts as %s old although a revocation is missing", age)
		}
		b.wait(t)
	}
	truth.Down(false)
	b.heeds(t, lost...)
	b.fresh(t)
}
