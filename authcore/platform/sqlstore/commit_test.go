package sqlstore_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// heard is what the hook of a store was told.
type heard struct {
	mu    sync.Mutex
	ends  map[authcore.Revocation]bool // without their numbers, which those of EndNext do not have
	event int
	mails int
}

// overheard returns s with a hook, and checks when the test ends that it was told of every revocation that s holds then, and of
// as many events and mails. So whatever a suite does to s, by whichever method, is held to [sqlstore.Store.AfterCommit].
func overheard(t testing.TB, s *sqlstore.Store) *sqlstore.Store {
	t.Helper()
	h := &heard{ends: map[authcore.Revocation]bool{}}
	t.Cleanup(func() { h.check(t, s) })
	return s.AfterCommit(func(_ context.Context, done sqlstore.Commit) {
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, r := range done.Revocations {
			r.Seq = 0
			h.ends[r] = true
		}
		h.event += len(done.Events)
		h.mails += done.Mails
	})
}

func (h *heard) check(t testing.TB, s *sqlstore.Store) {
	h.mu.Lock()
	defer h.mu.Unlock()
	ctx := context.Background() // the test's has ended
	stored, err := s.LiveRevocations(ctx, 0, time.Unix(1, 0))
	if errors.Is(err, authcore.ErrUnavailable) {
		return // a test that closes its store
	}
	if err != nil {
		t.Error(err)
	}
	for _, r := range stored {
		if r.Seq = 0; !h.ends[r] {
			t.Errorf("committed and not announced: %+v", r)
		}
	}
	for table, told := range map[string]int{"events": h.event, "outbox": h.mails} {
		n, err := strconv.Atoi(sqlstore.Ask(t, s, "select cast(count(*) as text) from "+table))
		if err != nil || n > told {
			t.Errorf("%d rows in %s, told of %d (error %v)", n, table, told, err)
		}
	}
}

// A hook is called before the change returns, after those that were there before, with a ctx that outlives the caller's; and not
// for a change that fails.
func TestAfterCommit(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(t.Context())
	var told []string
	first := migrated(t, sqliteURL(t)).AfterCommit(func(_ context.Context, done sqlstore.Commit) {
		hangUp() // the caller is gone when the change is committed
		told = append(told, "first")
	})
	s := first.AfterCommit(func(ctx context.Context, done sqlstore.Commit) {
		if ctx.Err() != nil || len(done.Revocations) != 1 || len(done.Events) != 1 || done.Mails != 1 {
			t.Errorf("told of %+v, ctx ended: %v", done, ctx.Err())
		}
		told = append(told, "second")
	})
	at := time.Now()
	a := authcore.Account{ID: uuid.New(), Epoch: 1, CreatedAt: at, UpdatedAt: at}
	if err := first.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	fx := authcore.Effects{Events: []authcore.Event{{Kind: authcore.EventSessionsRevoked, At: at}},
		Mails: []authcore.Mail{{ID: uuid.New(), Kind: authcore.MailReset, CreatedAt: at}}}
	if _, _, err := s.EndAccount(t.Context(), uuid.New(), at, fx); !errors.Is(err, authcore.ErrNotFound) || told != nil {
		t.Errorf("without an account: told %v (error %v)", told, err)
	}
	if _, _, err := s.EndAccount(ctx, a.ID, at, fx); err != nil || len(told) != 2 || told[0] != "first" {
		t.Errorf("told %v (error %v)", told, err)
	}
}
