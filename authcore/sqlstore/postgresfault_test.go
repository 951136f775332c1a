package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

func account(name string) authcore.Account {
	return authcore.Account{ID: uuid.New(), Username: name, CreatedAt: time.Now(), UpdatedAt: time.Now()}
}

func withAccount(t testing.TB, s *sqlstore.Store) authcore.Account {
	t.Helper()
	a := account("anna")
	if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	return a
}

// recovers waits until the store answers again, by itself.
func recovers(t testing.TB, s *sqlstore.Store, a authcore.Account) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		err := s.ReplacePasswordHash(ctx, a.ID, "", "")
		if err == nil {
			return
		}
		if !errors.Is(err, authcore.ErrUnavailable) {
			t.Fatalf("does not recover: %v", err)
		}
	}
}

func TestF10_ServerKilledAndFrozen(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	s := migrated(t, server.Database(t))
	a := withAccount(t, s)

	server.Kill()
	unavailable(t, s, a, 2*time.Second)
	server.Start()
	recovers(t, s, a)

	server.Freeze()
	unavailable(t, s, a, 3*time.Second)
	server.Thaw()
	recovers(t, s, a)
}

func TestF10_LockedTableAndDryPool(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	s := migrated(t, url+"&pool_max_conns=2")
	a := withAccount(t, s)
	foreign, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close(context.Background())
	if _, err := foreign.Exec(t.Context(), "begin; lock table users in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	unavailable(t, s, a, 2*time.Second)

	// Both connections wait for the lock: the others are told soon, and the whole crowd has gone in time.
	begin := time.Now()
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			if err := s.ReplacePasswordHash(t.Context(), a.ID, "", "x"); !errors.Is(err, authcore.ErrUnavailable) {
				t.Errorf("error is %v, want unavailable", err)
			}
		})
	}
	all.Wait()
	if took := time.Since(begin); took > 4*time.Second {
		t.Errorf("a crowd of 30 took %v", took)
	}
	if _, err := foreign.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.PasswordHash != "" {
		t.Errorf("hash %q (%v): something refused was done", got.PasswordHash, err)
	}
}

func TestCancelDuringStatement(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	s := migrated(t, url)
	a := withAccount(t, s)
	foreign, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer foreign.Close(context.Background())
	if _, err := foreign.Exec(t.Context(), "begin; lock table users in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	err = s.ReplacePasswordHash(ctx, a.ID, "", "x")
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("error is %v, want the caller's deadline", err)
	}
	if took := time.Since(begin); took > 900*time.Millisecond {
		t.Errorf("took %v, want an answer soon after the cancellation", took)
	}
	if _, err := foreign.Exec(t.Context(), "rollback"); err != nil {
		t.Fatal(err)
	}
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.PasswordHash != "" {
		t.Errorf("hash %q (%v): what was cancelled was done", got.PasswordHash, err)
	}
}

func TestStandbyIsUnavailable(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	url := server.Database(t)
	s := migrated(t, url)
	a := withAccount(t, s)
	name := databaseName(t, url)
	cut := "select pg_terminate_backend(pid) from pg_stat_activity where datname = '" + name + "'"

	administer(t, server, "alter database "+name+" set default_transaction_read_only = on", cut)
	err := s.ReplacePasswordHash(t.Context(), a.ID, "", "x")
	if !errors.Is(err, authcore.ErrUnavailable) {
		t.Errorf("error is %v, want unavailable", err)
	}
	administer(t, server, "alter database "+name+" reset default_transaction_read_only", cut)
	recovers(t, s, a)
}

// Whatever a database's own default is, the atomic statements are written for READ COMMITTED.
func TestF12_SerializableDefault(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	url := server.Database(t)
	administer(t, server, "alter database "+databaseName(t, url)+" set default_transaction_isolation = 'serializable'")
	s := migrated(t, url)
	a := withAccount(t, s)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			var err error
			if i%2 == 0 {
				err = s.ReplacePasswordHash(t.Context(), a.ID, "", "")
			} else {
				_, err = s.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{}, false, time.Now(), authcore.Effects{})
			}
			if err != nil {
				t.Errorf("error is %v", err)
			}
		})
	}
	all.Wait()
}

// Transactions that claim the same identifiers in opposite orders meet in deadlocks.
func TestF12_Deadlocks(t *testing.T) {
	t.Parallel()
	s := migrated(t, testpg.Database(t))
	ids := func(i int) []authcore.Identifier {
		list := []authcore.Identifier{
			{Kind: authcore.KindEmail, Value: fmt.Sprint(i)}, {Kind: authcore.KindUsername, Value: fmt.Sprint(i)}}
		return list
	}
	for round := range 20 {
		made := make([]error, 2)
		var all sync.WaitGroup
		for side := range made {
			all.Go(func() {
				list := ids(round)
				if side == 1 {
					slices.Reverse(list)
				}
				c := account(fmt.Sprint("c", round, side))
				mail := authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: authcore.MailVerify, CreatedAt: time.Now()}
				made[side] = s.CreateAccount(t.Context(), c, list, authcore.Effects{Mails: []authcore.Mail{mail}})
			})
		}
		all.Wait()
		var taken *authcore.TakenError
		winners := 0
		for _, err := range made {
			if err == nil {
				winners++
			} else if !errors.As(err, &taken) {
				t.Errorf("error is %v, want the identifier to be taken", err)
			}
		}
		if winners != 1 {
			t.Errorf("%d of 2 got the same identifiers", winners)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 20 {
		t.Errorf("%d mails (%v), want 20: repeated work left its effects twice", n, err)
	}
}

// A refresh must stay a HOT update: no index may know a column that it changes.
func TestRefreshTouchesNoIndex(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	migrated(t, url)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	rows, err := conn.Query(t.Context(), "select indexdef from pg_indexes where tablename = 'sessions'")
	if err != nil {
		t.Fatal(err)
	}
	indexes, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || len(indexes) < 2 {
		t.Fatalf("%d indexes (%v)", len(indexes), err)
	}
	changed := []string{"previous_digest", "refresh_digest", "successor", "rotated_at", "last_seen_at", "refresh_expires_at",
		"access_until", "mode", "addr", "user_agent"}
	for _, index := range indexes {
		for _, column := range changed {
			if strings.Contains(index, column) {
				t.Errorf("%s is changed by a refresh and known to %s", column, index)
			}
		}
	}
}
