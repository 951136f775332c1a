package liveconn_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// running runs a registry that is told of revocations, in a synctest bubble.
func running(t *testing.T, do func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.set.Watch(w.Revoked)
		ctx, cancel := context.WithCancel(t.Context())
		var both sync.WaitGroup
		for range 2 { // as during a reload
			both.Go(func() { w.Run(ctx) })
		}
		time.Sleep(10*time.Second + time.Millisecond) // so that no look is near
		do(w)
		cancel()
		both.Wait()
	})
}

// exchange opens a request that will be answered by itself.
func (w *world) exchange(session, account uuid.UUID) *opened {
	return w.openAs(session, account, 0, true)
}

// TestS13_CutAtOnce: a revocation ends what it concerns in the moment when the snapshot heeds it, whether by the session, with
// the account or without, by the epoch or by the roles; and nothing else.
func TestS13_CutAtOnce(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(24 * 365 * 100 * time.Hour)
	for what, c := range map[string]struct {
		revoked func(session, account uuid.UUID) authcore.Revocation
		why     liveconn.Reason
		sibling bool // it concerns all of the account
	}{
		"session": {func(s, a uuid.UUID) authcore.Revocation { return authcore.Revocation{SessionID: s, AccountID: a} }, liveconn.Revoked, false},
		"session without account": {func(s, _ uuid.UUID) authcore.Revocation { return authcore.Revocation{SessionID: s} },
			liveconn.Revoked, false},
		"epoch": {func(_, a uuid.UUID) authcore.Revocation { return authcore.Revocation{AccountID: a, Epoch: 4} }, liveconn.Revoked, true},
		"roles": {func(_, a uuid.UUID) authcore.Revocation { return authcore.Revocation{AccountID: a, RolesVersion: 3} },
			liveconn.RolesChanged, true},
		"epoch of before": {func(_, a uuid.UUID) authcore.Revocation {
			return authcore.Revocation{AccountID: a, Epoch: 3, RolesVersion: 2}
		},
			"", true},
	} {
		running(t, func(w *world) {
			session, account := newID(), uuid.New()
			first, second, sibling, other := w.open(session, account, 0), w.open(session, account, 0), w.open(newID(), account, 0), w.open(newID(), uuid.New(), 0)
			r, at := c.revoked(session, account), time.Now()
			r.Until = until
			w.set.Apply(r)
			synctest.Wait()
			var want []liveconn.Reason
			if c.why != "" {
				want = []liveconn.Reason{c.why}
			}
			first.want(t, what+": first", want...)
			second.want(t, what+": second", want...)
			if !c.sibling {
				want = nil
			}
			sibling.want(t, what+": sibling", want...)
			other.want(t, what+": other")
			if c.why != "" && !first.since.Equal(at) {
				t.Errorf("%s: since %s, not %s", what, first.since, at)
			}
			w.Remove(&first.Connection)
		})
	}
}

// TestS13_ExchangeThatLasts: a request that was just begun may come to its end; one that has lasted for half a second, or
// comes to, is cut.
func TestS13_ExchangeThatLasts(t *testing.T) {
	t.Parallel()
	running(t, func(w *world) {
		session, account := newID(), uuid.New()
		long := w.exchange(session, account)
		time.Sleep(time.Second / 2)
		young, answered := w.exchange(session, account), w.exchange(session, account)
		at := time.Now()
		w.set.Apply(authcore.Revocation{SessionID: session, AccountID: account, Until: at.Add(time.Hour)})
		synctest.Wait()
		long.want(t, "a long one", liveconn.Revoked)
		young.want(t, "a young one")
		time.Sleep(time.Second / 8)
		w.Remove(&answered.Connection)
		time.Sleep(3 * time.Second / 8)
		synctest.Wait()
		young.want(t, "a young one, later", liveconn.Revoked)
		if !young.since.Equal(at) {
			t.Errorf("ended since %s, not %s", young.since, at)
		}
		answered.want(t, "an answered one")
	})
}

// TestS13_AdmittedMeanwhile: a connection whose token was checked before the revocation, and which is added after it.
func TestS13_AdmittedMeanwhile(t *testing.T) {
	t.Parallel()
	running(t, func(w *world) {
		session, account := newID(), uuid.New()
		w.set.Apply(authcore.Revocation{SessionID: session, AccountID: account, Until: time.Now().Add(time.Hour)})
		synctest.Wait()
		w.open(session, account, 0).want(t, "a connection that lasts", liveconn.Revoked)
		x := w.exchange(session, account)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		x.want(t, "an exchange, later", liveconn.Revoked)
	})
}

// However many revocations come at once, and while nobody runs, none is lost and no memory is filled.
func TestS13_MoreThanAreKept(t *testing.T) {
	t.Parallel()
	running(t, func(w *world) {
		var open []*opened
		var rs []authcore.Revocation
		for range 25_000 {
			rs = append(rs, authcore.Revocation{SessionID: newID(), AccountID: uuid.New(), Until: time.Now().Add(time.Hour)})
		}
		for i := 0; i < len(rs); i += 1000 {
			open = append(open, w.open(rs[i].SessionID, rs[i].AccountID, 0))
		}
		w.set.Apply(rs...)
		synctest.Wait()
		for _, o := range open {
			o.want(t, "one of many", liveconn.Revoked)
		}
		after := w.open(newID(), uuid.New(), 0)
		w.set.Apply(authcore.Revocation{SessionID: after.Of.SessionID, AccountID: after.Of.AccountID, Until: time.Now().Add(time.Hour)})
		synctest.Wait()
		after.want(t, "one by one again", liveconn.Revoked)
	})
}

// What is revoked again is no news.
func TestS13_NewsOnly(t *testing.T) {
	t.Parallel()
	w, told := newWorld(t), 0
	w.set.Watch(func(rs []authcore.Revocation) { told += len(rs) })
	account, until := uuid.New(), time.Now().Add(time.Hour)
	for _, c := range []struct {
		r    authcore.Revocation
		want int
	}{
		{authcore.Revocation{SessionID: newID(), AccountID: account, Until: until}, 1},
		{authcore.Revocation{AccountID: account, Epoch: 4, RolesVersion: 4, Until: until}, 1},
		{authcore.Revocation{AccountID: account, Epoch: 4, RolesVersion: 5, Until: until}, 1},
		{authcore.Revocation{AccountID: account, Epoch: 5, RolesVersion: 5, Until: until}, 1},
		{authcore.Revocation{AccountID: account, Epoch: 5, RolesVersion: 4, Until: until.Add(time.Hour)}, 0},
		{authcore.Revocation{Until: until}, 0},
	} {
		for again, want := range []int{c.want, 0} {
			told = 0
			if w.set.Apply(c.r); told != want {
				t.Errorf("%+v (%d): %d are news, expected %d", c.r, again, told, want)
			}
		}
	}
}

// A registry that is closed ends at once what lasts, and a little later the exchanges that still go on.
func TestRegistry_CloseAmongExchanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		x, answered := w.exchange(newID(), uuid.New()), w.exchange(newID(), uuid.New())
		w.Close()
		x.want(t, "at once")
		w.Remove(&answered.Connection)
		time.Sleep(time.Second)
		synctest.Wait()
		x.want(t, "later", liveconn.ShuttingDown)
		answered.want(t, "one that was answered")
	})
}
