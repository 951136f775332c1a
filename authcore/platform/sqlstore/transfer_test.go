package sqlstore_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/storetest"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// filled is a SQLite store that holds what the suite for stores leaves behind, and more rows than go on a page.
func filled(t testing.TB, rows int) *sqlstore.Store {
	t.Helper()
	s := migrated(t, sqliteURL(t))
	storetest.Fill(t, s, rows)
	// Tables that no method fills yet.
	for _, text := range []string{
		`insert into blocks (id, kind, pattern, acts, reason, source, created_at) values ('` + uuid.NewString() + `', 'ip', '192.0.2.1', 'signup', '', 'runtime', 1)`,
		`insert into block_hits (rule_id, hits, last_hit_at) values ('` + uuid.NewString() + `', 1, 1)`,
		`insert into factors (id, account_id, type, name, created_at) values ('` + uuid.NewString() + `', '` + uuid.NewString() + `', 'totp', '', 1)`,
		`insert into recovery_codes (factor_id, digest, account_id) values ('` + uuid.NewString() + `', x'04', '` + uuid.NewString() + `')`,
		`insert into pending_signins (id, account_id, account_epoch, token_digest, mode, method, amr, device_name, short_lived, trust_device, attempts_left,
			created_at, expires_at) values ('` + uuid.NewString() + `', '` + uuid.NewString() + `', 1, x'05', 'bearer', '', '[]', '', 0, 0, 5, 1, 2)`,
	} {
		err := s.Single(t.Context(), "fill", func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.Exec(ctx, q, text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func totals(tables []sqlstore.TransferredTable) (rows, copied int) {
	for _, t := range tables {
		rows, copied = rows+t.Rows, copied+t.Copied
	}
	return rows, copied
}

// A transfer copies every table, and the copy serves: what a session's client holds is good, and new revocations are
// numbered after the old ones. Done again it changes nothing.
func TestTransfer(t *testing.T) {
	t.Parallel()
	from, to := filled(t, 600), opened(t, testpg.Database(t))
	reserved, err := from.ReserveNumber(t.Context()) // for who signs up later
	if err != nil {
		t.Fatal(err)
	}
	tables, err := sqlstore.Transfer(t.Context(), from, to, nil)
	if err != nil {
		t.Fatal(err)
	}
	rows, copied := totals(tables)
	if len(tables) < 11 || rows < 4*600 || copied != rows-1 { // the target says itself which programs it fits
		t.Errorf("%d tables, %d rows, %d copied: %+v", len(tables), rows, copied, tables)
	}
	for _, table := range tables {
		if table.Rows == 0 {
			t.Errorf("the test has no row in %s", table.Name)
		}
	}
	again, err := sqlstore.Transfer(t.Context(), from, to, nil)
	if twice, copied := totals(again); err != nil || twice != rows || copied != 0 {
		t.Errorf("done again: %d rows, %d copied (%v)", twice, copied, err)
	}
	if err := to.Migrate(t.Context()); err != nil {
		t.Errorf("a node does not start on it: %v", err)
	}
	if next, err := to.ReserveNumber(t.Context()); err != nil || next <= reserved {
		t.Errorf("the number after %d is %d, %v", reserved, next, err)
	}
	storetest.CheckFilled(t, to)
}

// Stopped anywhere, a transfer goes on; meanwhile no node starts on the target.
func TestTransfer_Resumes(t *testing.T) {
	t.Parallel()
	from, to := filled(t, 600), opened(t, testpg.Database(t))
	stops := 0
	for {
		ctx, cancel := context.WithCancel(t.Context())
		pages := 0
		tables, err := sqlstore.Transfer(ctx, from, to, func(string, int) {
			if pages++; pages > 4*(stops+1) {
				cancel()
			}
		})
		cancel()
		if err == nil {
			if rows, copied := totals(tables); copied == rows {
				t.Error("nothing was there from before")
			}
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := to.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "has not finished") {
			t.Fatalf("a node starts on half of a database (%v)", err)
		}
		stops++
	}
	if stops < 2 {
		t.Errorf("stopped %d times only", stops)
	}
	storetest.CheckFilled(t, to)
}

// What is not a copy of the source is refused, and stays as it is.
func TestTransfer_RefusesOthers(t *testing.T) {
	t.Parallel()
	from := filled(t, 10)
	for name, spoil := range map[string]func(t *testing.T, to *sqlstore.Store){
		"a node's keys": func(t *testing.T, to *sqlstore.Store) {
			if _, err := to.ChangeKeys(t.Context(), time.Now(), storetest.Birth("other")); err != nil {
				t.Fatal(err)
			}
		},
		"an account": func(t *testing.T, to *sqlstore.Store) {
			a := authcore.Account{ID: uuid.New(), Email: "x@example.com", CreatedAt: time.Now(), UpdatedAt: time.Now()}
			if err := to.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
				t.Fatal(err)
			}
		},
		"a changed row": func(t *testing.T, to *sqlstore.Store) {
			if _, err := sqlstore.Transfer(t.Context(), from, to, nil); err != nil {
				t.Fatal(err)
			}
			sqlstore.Change(t, to, "update users set epoch = epoch + 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			to := migrated(t, testpg.Database(t))
			spoil(t, to)
			count := func() string {
				return sqlstore.Ask(t, to, `select (select count(*) from users) || ' ' || (select count(*) from signing_keys) || ' ' ||
					(select count(*) from settings)`)
			}
			before := count()
			if _, err := sqlstore.Transfer(t.Context(), from, to, nil); err == nil || !strings.Contains(err.Error(), "the target is in use") {
				t.Errorf("it was accepted (%v)", err)
			}
			if after := count(); after != before {
				t.Errorf("it was changed: %s, before %s", after, before)
			}
		})
	}
}

// What is written into the target while a transfer runs is found at the end.
func TestTransfer_FindsWhatChangesMeanwhile(t *testing.T) {
	t.Parallel()
	for name, statement := range map[string]string{
		"a value": "update events set result = 'x' where id in (select id from events order by id limit 1)",
		"a row":   "delete from events where id in (select id from events order by id limit 1)",
		"another": "insert into lockouts (key, until, level) values ('other', 1, 1)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := filled(t, 10), opened(t, testpg.Database(t))
			var once sync.Once
			_, err := sqlstore.Transfer(t.Context(), from, to, func(table string, _ int) {
				if table == "users" || table == "sessions" { // after events and lockouts in the order of names
					once.Do(func() { sqlstore.Change(t, to, statement) })
				}
			})
			if err == nil {
				t.Error("nobody noticed")
			}
			if err := to.Migrate(t.Context()); err == nil {
				t.Error("a node starts on it")
			}
		})
	}
}

func TestTransfer_RefusesOtherSchemasAndDirections(t *testing.T) {
	t.Parallel()
	lite, postgres := filled(t, 1), migrated(t, testpg.Database(t))
	if _, err := sqlstore.Transfer(t.Context(), postgres, lite, nil); err == nil {
		t.Error("the wrong way round")
	}
	if _, err := sqlstore.Transfer(t.Context(), opened(t, sqliteURL(t)), postgres, nil); err == nil || !strings.Contains(err.Error(), "the source") {
		t.Errorf("a source without a schema: %v", err)
	}
	sqlstore.RaiseVersion(t, postgres, 9000)
	if _, err := sqlstore.Transfer(t.Context(), lite, postgres, nil); err == nil || !strings.Contains(err.Error(), "schema version") {
		t.Errorf("a target of a newer program: %v", err)
	}
	other := migrated(t, testpg.Database(t))
	sqlstore.Change(t, other, "alter table users add column more text")
	if _, err := sqlstore.Transfer(t.Context(), lite, other, nil); err == nil || !strings.Contains(err.Error(), "schemas differ") {
		t.Errorf("another column: %v", err)
	}
}
