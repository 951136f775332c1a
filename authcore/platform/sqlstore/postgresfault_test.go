package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
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
	var waiting int
	err = foreign.QueryRow(t.Context(), `select count(*) from pg_stat_activity
		where datname = current_database() and wait_event_type = 'Lock'`).Scan(&waiting)
	if err != nil || waiting != 0 {
		t.Errorf("%d statements still wait in the server (%v), so nobody knows whether they will be done", waiting, err)
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
	// The connections that were cut fail otherwise, and are left for that.
	for since, refused := time.Now(), false; !refused; {
		err := s.ReplacePasswordHash(t.Context(), a.ID, "", "x")
		if !errors.Is(err, authcore.ErrUnavailable) || time.Since(since) > 20*time.Second {
			t.Fatalf("error is %v, want unavailable since the server only reads", err)
		}
		refused = strings.Contains(err.Error(), "25006")
	}
	// Connections to a standby live on; it is the store that has to leave them.
	administer(t, server, "alter database "+name+" reset default_transaction_read_only")
	recovers(t, s, a)
}

// Whatever a database's own default is, the atomic statements are written for READ COMMITTED.
func TestF12_SerializableDefault(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	url := server.Database(t)
	administer(t, server, "alter database "+databaseName(t, url)+" set default_transaction_isolation = 'serializable'")
	s := migrated(t, url)
	if level := sqlstore.Ask(t, s, "show transaction_isolation"); level != "read committed" {
		t.Errorf("single statements run as %s", level)
	}
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

func awaitWaiters(t testing.TB, conn *pgx.Conn, want int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for n := -1; n < want; {
		err := conn.QueryRow(ctx, `select count(*) from pg_stat_activity
			where datname = current_database() and wait_event_type = 'Lock'`).Scan(&n)
		if err != nil {
			t.Fatalf("%d sessions wait for locks, want %d: %v", n, want, err)
		}
	}
}

// The victim of a deadlock tries again, and what it does is done once.
func TestF12_Deadlock(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	s := migrated(t, url)
	var conns [2]*pgx.Conn
	for i := range conns {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		conns[i] = conn
	}
	foreign, watcher := conns[0], conns[1]
	for try := range 5 {
		if deadlocked(t, s, foreign, watcher, fmt.Sprintf("same%d", try)) {
			return
		}
	}
	t.Error("the other side became the victim each time, or the server was too slow")
}

// deadlocked lets the store and a foreign transaction wait for each other over one value. It reports whether the server
// chose the store as the victim: on a busy machine the store may have waited for so long alone that the check of the other
// side comes first, or both come too late for another try.
func deadlocked(t *testing.T, s *sqlstore.Store, foreign, watcher *pgx.Conn, value string) bool {
	t.Helper()
	run := func(text string, args ...any) error {
		_, err := foreign.Exec(t.Context(), text, args...)
		return err
	}
	const claim = "insert into identifiers (kind, value, user_id, is_current, claimed_at) values ($1, $2, $3, true, 0)"
	if err := errors.Join(run("begin"), run(claim, "username", value, uuid.New())); err != nil {
		t.Fatal(err)
	}
	before, _, err := s.OutboxDepth(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	mail := authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: authcore.MailVerify, CreatedAt: time.Now()}
	made, began := make(chan error, 1), time.Now()
	go func() {
		made <- s.CreateAccount(t.Context(), account(value), []authcore.Identifier{{Kind: authcore.KindEmail, Value: value},
			{Kind: authcore.KindUsername, Value: value}}, authcore.Effects{Mails: []authcore.Mail{mail}})
	}()
	awaitWaiters(t, watcher, 1)
	// The store has the address and waits for the name; now we have the name and wait for the address.
	victim := run(claim, "email", value, uuid.New())
	if err := run("rollback"); err != nil {
		t.Fatal(err)
	}
	switch err := <-made; {
	case err != nil && time.Since(began) > 1500*time.Millisecond:
		return false // the machine is so busy that the server found the deadlock when no time was left for a second try
	case err != nil:
		t.Errorf("after the deadlock: %v", err)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != before+1 {
		t.Errorf("%d mails (%v), want %d", n, err, before+1)
	}
	return victim == nil
}

// Those who want the same values, named in opposite orders, do not even meet in a deadlock: who waits for the address has
// not taken the name yet.
func TestClaimsInOneOrder(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	s := migrated(t, url)
	var conns [2]*pgx.Conn
	for i := range conns {
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		conns[i] = conn
	}
	claim := func(kind authcore.IdentifierKind) {
		t.Helper()
		_, err := conns[0].Exec(t.Context(), `insert into identifiers (kind, value, user_id, is_current, claimed_at)
			values ($1, 'same', $2, true, 0)`, string(kind), uuid.New())
		if err != nil {
			t.Fatalf("claim %s: %v", kind, err)
		}
	}
	if _, err := conns[0].Exec(t.Context(), "begin; set local lock_timeout = '100ms'"); err != nil {
		t.Fatal(err)
	}
	claim(authcore.KindEmail)
	made := make(chan error, 1)
	go func() {
		made <- s.CreateAccount(t.Context(), account("same"), []authcore.Identifier{{Kind: authcore.KindUsername, Value: "same"},
			{Kind: authcore.KindEmail, Value: "same"}}, authcore.Effects{})
	}()
	awaitWaiters(t, conns[1], 1)
	claim(authcore.KindUsername)
	if _, err := conns[0].Exec(t.Context(), "commit"); err != nil {
		t.Fatal(err)
	}
	var taken *authcore.TakenError
	if err := <-made; !errors.As(err, &taken) || taken.Field != authcore.KindUsername {
		t.Errorf("error is %v, want the first of the list to be taken", err)
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

// Nodes read again what may have been committed late, as far back as CommitLimit. A transaction whose node was cut off must
// have ended before, whatever the URL says.
func TestF09_CutOffTransactionsEndInTime(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	separator := "?"
	if strings.Contains(url, "?") {
		separator = "&"
	}
	s := migrated(t, url+separator+"idle_in_transaction_session_timeout=60000")
	idle, err := time.ParseDuration(sqlstore.Ask(t, s, "show idle_in_transaction_session_timeout"))
	if err != nil || idle <= 0 {
		t.Fatalf("idle transactions live on: %s (%v)", idle, err)
	}
	statement := sqlstore.Ask(t, s, "show statement_timeout")
	longest, err := time.ParseDuration(statement)
	if err != nil || longest <= 0 || 2*longest+idle >= sqldb.CommitLimit {
		t.Errorf("statements end after %s, idle transactions after %s: more than %s together", statement, idle, sqldb.CommitLimit)
	}
}
