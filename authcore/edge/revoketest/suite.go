package revoketest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Revoker spreads revocations that are committed: to this node's memory before it returns, to other nodes after.
type Revoker interface {
	// Announce takes revocations that a store has committed. It does not fail, and waits for no other node: those that it does not
	// reach read the database. A ctx that has ended keeps none back. It may be called concurrently, and keeps no hold of rs.
	Announce(ctx context.Context, rs ...authcore.Revocation)
}

// Node is one implementation, freshly opened.
type Node struct {
	Revoker     Revoker
	Revocations authcore.Revocations
	Now         func() time.Time
	Advance     func(time.Duration) // moves Now
	Sweep       func()              // drops what may be forgotten
	Len         func() int          // what is remembered
}

// Run checks that nodes returned by open keep the promises of [Revoker] and
// [authcore.Revocations]. open returns a
// node without any revocation and registers its own clean-up.
func Run(t *testing.T, open func(testing.TB) Node) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Node)
	}{
		{"Session/OnlyTheOneNamed", sessionOnly},
		{"Session/ReplacedIsNotAdmittedEither", sessionReplaced},
		{"Account/LowerEpochsOnly", accountEpoch},
		{"Account/LowerRolesHaveChanged", accountRoles},
		{"Account/RevokedWinsOverRolesChanged", revokedWins},
		{"Account/HighestWinsInAnyOrder", highestWins},
		{"Until/LatestWinsInAnyOrder", latestUntilWins},
		{"Until/NothingIsForgottenEarlier", notForgotten},
		{"Until/ForgottenAfterwards", forgotten},
		{"Until/ForgottenOneAfterTheOther", forgottenInTurn},
		{"Zero/RevocationOfNothing", nothing},
		{"Announce/AppliedThoughCancelled", cancelled},
		{"Concurrent/VisibleBeforeReturn", concurrent},
	} {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); c.run(t, open(t)) })
	}
}

func (n Node) announce(t *testing.T, rs ...authcore.Revocation) {
	t.Helper()
	n.Revoker.Announce(t.Context(), rs...)
}

func (n Node) want(t *testing.T, want authcore.Verdict, session, account uuid.UUID, epoch, roles int64) {
	t.Helper()
	if got := n.Revocations.Check(session, account, epoch, roles); got != want {
		t.Errorf("verdict of epoch %d, roles %d: got %d, want %d", epoch, roles, got, want)
	}
}

func (n Node) in(d time.Duration) time.Time { return n.Now().Add(d) }

func sessionOnly(t *testing.T, n Node) {
	s, a := uuid.New(), uuid.New()
	n.want(t, authcore.Valid, s, a, 0, 0)
	n.announce(t, authcore.Revocation{SessionID: s, AccountID: a, Until: n.in(time.Minute)})
	n.want(t, authcore.Revoked, s, a, 0, 0)
	n.want(t, authcore.Revoked, s, uuid.New(), 9, 9)
	n.want(t, authcore.Valid, uuid.New(), a, 0, 0)
	n.want(t, authcore.Valid, a, s, 0, 0) // an account is not a session
}

func sessionReplaced(t *testing.T, n Node) {
	s, a := uuid.New(), uuid.New()
	n.announce(t, authcore.Revocation{SessionID: s, AccountID: a, RolesVersion: authcore.SessionReplaced, Until: n.in(time.Minute)})
	n.want(t, authcore.Replaced, s, a, 0, 9)
	n.want(t, authcore.Valid, uuid.New(), a, 0, 0) // it is no version of the account's roles
}

func accountEpoch(t *testing.T, n Node) {
	a := uuid.New()
	n.announce(t, authcore.Revocation{AccountID: a, Epoch: 5, Until: n.in(time.Minute)})
	n.want(t, authcore.Revoked, uuid.New(), a, 4, 9)
	n.want(t, authcore.Valid, uuid.New(), a, 5, 0)
	n.want(t, authcore.Valid, uuid.New(), a, 6, 0)
	n.want(t, authcore.Valid, uuid.New(), uuid.New(), 4, 0)
}

func accountRoles(t *testing.T, n Node) {
	a := uuid.New()
	n.announce(t, authcore.Revocation{AccountID: a, RolesVersion: 3, Until: n.in(time.Minute)})
	n.want(t, authcore.RolesChanged, uuid.New(), a, 0, 2)
	n.want(t, authcore.Valid, uuid.New(), a, 0, 3)
	n.want(t, authcore.Valid, uuid.New(), uuid.New(), 0, 2)
}

func revokedWins(t *testing.T, n Node) {
	a := uuid.New()
	n.announce(t, authcore.Revocation{AccountID: a, Epoch: 2, RolesVersion: 2, Until: n.in(time.Minute)})
	n.want(t, authcore.Revoked, uuid.New(), a, 1, 1)
	n.want(t, authcore.RolesChanged, uuid.New(), a, 2, 1)
	n.want(t, authcore.Valid, uuid.New(), a, 2, 2)
}

func highestWins(t *testing.T, n Node) {
	a := uuid.New()
	for _, epoch := range []int64{3, 7, 5} {
		n.announce(t, authcore.Revocation{AccountID: a, Epoch: epoch, RolesVersion: epoch + 1, Until: n.in(time.Minute)})
	}
	n.want(t, authcore.Revoked, uuid.New(), a, 6, 9)
	n.want(t, authcore.RolesChanged, uuid.New(), a, 7, 7)
	n.want(t, authcore.Valid, uuid.New(), a, 7, 8)
}

func latestUntilWins(t *testing.T, n Node) {
	s, a := uuid.New(), uuid.New()
	for _, m := range []time.Duration{10, 90, 5} {
		until := n.in(m * time.Minute)
		n.announce(t, authcore.Revocation{SessionID: s, Until: until}, authcore.Revocation{AccountID: a, Epoch: 1, Until: until})
	}
	n.Advance(89 * time.Minute)
	n.Sweep()
	n.want(t, authcore.Revoked, s, uuid.New(), 1, 0)
	n.want(t, authcore.Revoked, uuid.New(), a, 0, 0)
}

func notForgotten(t *testing.T, n Node) {
	var keep []uuid.UUID
	for range 2000 {
		s := uuid.New()
		n.announce(t,
			authcore.Revocation{SessionID: uuid.New(), Until: n.in(time.Minute)},
			authcore.Revocation{SessionID: s, Until: n.in(time.Hour)})
		keep = append(keep, s)
	}
	for range 12 {
		n.Advance(5*time.Minute - time.Second)
		n.Sweep()
		for _, s := range keep {
			if n.Revocations.Check(s, uuid.Nil, 0, 0) != authcore.Revoked {
				t.Fatal("a revocation was forgotten before its end")
			}
		}
	}
	n.Advance(time.Hour) // and one that comes back is heeded again
	n.Sweep()
	n.announce(t, authcore.Revocation{SessionID: keep[0], Until: n.in(time.Hour)})
	n.want(t, authcore.Revoked, keep[0], uuid.Nil, 0, 0)
}

func forgotten(t *testing.T, n Node) {
	s, a := uuid.New(), uuid.New()
	n.announce(t,
		authcore.Revocation{SessionID: s, Until: n.in(time.Minute)},
		authcore.Revocation{AccountID: a, Epoch: 5, RolesVersion: 5, Until: n.in(time.Minute)})
	if n.Len() == 0 {
		t.Fatal("nothing is remembered")
	}
	other := uuid.New()
	n.announce(t,
		authcore.Revocation{SessionID: other, Until: n.in(24 * time.Hour)},
		authcore.Revocation{AccountID: other, Epoch: 1, RolesVersion: 1, Until: n.in(24 * time.Hour)})
	n.Advance(time.Hour)
	n.Sweep()
	n.want(t, authcore.Valid, s, a, 4, 4)
	// What was forgotten leaves nothing behind that a later one could inherit.
	n.announce(t, authcore.Revocation{AccountID: a, Epoch: 2, Until: n.in(time.Minute)})
	n.want(t, authcore.Valid, s, a, 3, 0)
	n.want(t, authcore.Revoked, s, a, 1, 0)
}

// forgottenInTurn has ends in no order, several to each part of a table.
func forgottenInTurn(t *testing.T, n Node) {
	const each = 300
	for range each {
		for _, h := range []time.Duration{2, 4, 1, 3} {
			n.announce(t, authcore.Revocation{SessionID: uuid.New(), Until: n.in(h * time.Hour)})
		}
	}
	n.Advance(30 * time.Minute)
	for left := 4; left >= 0; left-- {
		n.Sweep()
		if got := n.Len(); got != left*each {
			t.Errorf("%d revocations are remembered, want %d", got, left*each)
		}
		n.Advance(time.Hour)
	}
}

func nothing(t *testing.T, n Node) {
	n.announce(t)
	n.announce(t, authcore.Revocation{}, authcore.Revocation{AccountID: uuid.New(), Until: n.in(time.Hour)})
	n.want(t, authcore.Valid, uuid.Nil, uuid.Nil, 0, 0)
	if got := n.Len(); got != 0 {
		t.Errorf("revocations of nothing are remembered: %d", got)
	}
}

func cancelled(t *testing.T, n Node) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := uuid.New()
	n.Revoker.Announce(ctx, authcore.Revocation{SessionID: s, Until: n.in(time.Minute)})
	n.want(t, authcore.Revoked, s, uuid.Nil, 0, 0)
}

func concurrent(t *testing.T, n Node) {
	stable := uuid.New()
	n.announce(t, authcore.Revocation{SessionID: stable, Until: n.in(time.Hour)})
	done := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if n.Revocations.Check(stable, uuid.Nil, 0, 0) != authcore.Revoked {
					t.Error("a revocation vanished for a moment")
					return
				}
				if n.Revocations.Check(uuid.New(), uuid.New(), 0, 0) != authcore.Valid {
					t.Error("a session that nobody revoked is revoked")
					return
				}
				runtime.Gosched() // the writers are to come through on one processor too
			}
		})
	}
	for range 4 {
		writers.Go(func() {
			for i := range 500 {
				s := uuid.New()
				until := n.in(time.Hour)
				if i%2 == 0 {
					until = n.in(-time.Hour)
				}
				n.Revoker.Announce(context.Background(), authcore.Revocation{SessionID: s, Until: until})
				if i%2 == 1 && n.Revocations.Check(s, uuid.Nil, 0, 0) != authcore.Revoked {
					t.Error("not revoked when Announce had returned")
					return
				}
				if i%100 == 0 {
					n.Sweep()
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
}
