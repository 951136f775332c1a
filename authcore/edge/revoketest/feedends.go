package revoketest

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

func feedStop(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	rs := truth.commit(900)
	only(truth, func() {
		for _, r := range rs {
			a.Revoker.Announce(t.Context(), r)
		}
		a.Stop()
		b.heeds(t, rs...)
	})
}

// holds checks that a peer's snapshot stays confirmed.
func (p Peer) holds(t *testing.T, why string) {
	t.Helper()
	since := time.Now()
	for time.Since(since) < soak.For(heartbeat+2*time.Second, 10*heartbeat) {
		if age := p.Age(); age > heartbeat {
			t.Fatalf("%s: the snapshot is %s old", why, age)
		}
		p.wait(t)
	}
}

func feedGoodbye(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	a.Stop()
	only(truth, func() { b.holds(t, "a node has stopped in good order") })
}

// feedSilent: a node that reaches the database alone revokes, and one that reaches the feed alone must not take its own
// heartbeats for news of that.
func feedSilent(t *testing.T, f Feed, truth *Truth) {
	a, b := f.two(t, truth)
	a.Cut()
	b.holds(t, "the database is up")
	truth.Down(true)
	lost := truth.commit(1)
	a.Revoker.Announce(t.Context(), lost...)
	eventually(t, "the silence is noticed", func() bool { return b.Age() > heartbeat })
	since := time.Now()
	for time.Since(since) < 2*heartbeat {
		if age := b.Age(); age < heartbeat {
			t.Fatalf("the snapshot counts as %s old although a node is silent", age)
		}
		b.wait(t)
	}
	if b.Revocations.Check(lost[0].SessionID, lost[0].AccountID, 0, 0) != authcore.Valid {
		t.Fatal("the revocation has arrived after all: nothing was tested")
	}
	truth.Down(false)
	b.heeds(t, lost...)
	b.holds(t, "the database is up again")
	a.Mend()
	said := truth.commit(1)
	eventually(t, "the feed carries again", func() bool {
		a.Revoker.Announce(t.Context(), said...)
		b.wait(t)
		return b.Fed() && b.Revocations.Check(said[0].SessionID, said[0].AccountID, 0, 0) == authcore.Revoked
	})
	b.fed(t)
	eventually(t, "the feed alone confirms", func() bool {
		truth.Down(true)
		defer truth.Down(false)
		for since := time.Now(); time.Since(since) < heartbeat+time.Second; b.wait(t) {
			if b.Age() > heartbeat {
				return false
			}
		}
		return true
	})
}
