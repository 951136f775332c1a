//go:build unix

package session_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/keyring"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

const (
	benchCallers = 16
	benchSlice   = 300 * time.Millisecond
)

// BenchmarkRefresh compares the processor time of Refresh, without HTTP, with that of the bare update of one row by its primary
// key in the same store, both by 16 callers and with every commit on the disk. One iteration is a slice of bare updates, one of
// refreshes and one of bare updates; `ratio` is the median of what a refresh takes to the mean of what an update takes before and
// after. The rates stand beside it: both are one statement and one fsync, so the disk decides about them.
func BenchmarkRefresh(b *testing.B) {
	for name, url := range map[string]func(*testing.B) string{
		"sqlite": func(b *testing.B) string { return "sqlite:" + filepath.Join(b.TempDir(), "gatehouse.db") },
		"postgres": func(b *testing.B) string {
			return testpg.New(b, testpg.Options{Fsync: true}).Database(b)
		},
	} {
		b.Run(name, func(b *testing.B) {
			callers := benchCrowd(b, url(b))
			var ratios, refreshes, updates, micros []float64
			for b.Loop() {
				rateBefore, before := benchRate(b, callers, (*benchCaller).update)
				rate, took := benchRate(b, callers, (*benchCaller).refresh)
				rateAfter, after := benchRate(b, callers, (*benchCaller).update)
				ratios, micros = append(ratios, 2*took/(before+after)), append(micros, took*1e6)
				refreshes, updates = append(refreshes, rate), append(updates, rateBefore, rateAfter)
			}
			for unit, values := range map[string][]float64{"ratio": ratios, "refreshes/s": refreshes, "updates/s": updates, "cpu-µs": micros} {
				b.ReportMetric(slices.Sorted(slices.Values(values))[len(values)/2], unit)
			}
			slices.Sort(ratios)
			b.ReportMetric(ratios[len(ratios)/4], "ratio-q1")
			b.ReportMetric(ratios[len(ratios)*3/4], "ratio-q3")
			b.ReportMetric(0, "ns/op") // a slice takes what it takes
		})
	}
}

// TestRefresh_Allocations holds what a refresh on SQLite has come down to; it was half as many again. It is not parallel: it counts the
// allocations of the process.
func TestRefresh_Allocations(t *testing.T) {
	c := benchCrowd(t, "sqlite:"+filepath.Join(t.TempDir(), "gatehouse.db"))[0]
	if n := testing.AllocsPerRun(100, func() {
		if err := c.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}); n > 190 {
		t.Errorf("%v allocations for a refresh, want at most 190", n)
	} else {
		t.Logf("%v allocations for a refresh", n)
	}
}

// benchCaller has an account and a session of its own.
type benchCaller struct {
	store    *sqlstore.Store
	sessions *session.Sessions
	account  uuid.UUID
	hash     string
	token    string
}

// update is the bare update of a row: by its primary key, on a condition, as Refresh has one.
func (c *benchCaller) update(ctx context.Context) error {
	next := c.hash[:len(c.hash)-1] + string("ab"[int(c.hash[len(c.hash)-1])&1]) // a becomes b, b becomes a
	if err := c.store.ReplacePasswordHash(ctx, c.account, c.hash, next); err != nil {
		return err
	}
	c.hash = next
	return nil
}

func (c *benchCaller) refresh(ctx context.Context) error {
	tokens, err := c.sessions.Refresh(ctx, c.token, authcore.ModeBearer, testflow.Client())
	c.token = tokens.Refresh
	return err
}

// benchRate lets all callers do one thing again and again for a slice and returns how often a second it was done, and how many
// seconds of this process's processor time each took.
func benchRate(b *testing.B, callers []*benchCaller, do func(*benchCaller, context.Context) error) (rate, cpu float64) {
	b.Helper()
	used := benchCPU(b)
	var wg sync.WaitGroup
	var done atomic.Int64
	begin := time.Now()
	for _, c := range callers {
		wg.Go(func() {
			for time.Since(begin) < benchSlice {
				if err := do(c, b.Context()); err != nil {
					b.Error(err)
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return float64(done.Load()) / time.Since(begin).Seconds(), (benchCPU(b) - used).Seconds() / float64(done.Load())
}

func benchCPU(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchCrowd makes the callers over a new database.
func benchCrowd(b testing.TB, url string) (callers []*benchCaller) {
	b.Helper()
	discard := slog.New(slog.DiscardHandler)
	store, err := sqlstore.Open(b.Context(), sqlstore.Config{URL: url, Logger: discard, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	sealer, err := secret.NewSealer(secret.New(secret.Random(32)))
	if err != nil {
		b.Fatal(err)
	}
	ring, err := keyring.New(keyring.Config{Store: store, Sealer: sealer, Algorithm: jwtkeys.EdDSA, AccessLifetime: tuning.Always(5 * time.Minute),
		Logger: discard, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	if err := ring.Load(b.Context()); err != nil {
		b.Fatal(err)
	}
	notices, err := notice.New(notice.Config{Store: store, Mailer: benchNobody{}, MayText: noTexts, Sealer: sealer, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	store = store.WithDigester(sqlstore.NewDigester(func() secret.MACKey { return ring.MACKey("former identifiers") }))
	sessions, err := session.New(session.Config{Store: store, Keys: ring, Notices: notices,
		Lifetimes: tuning.Always(session.Lifetimes{Access: 5 * time.Minute, Refresh: 30 * 24 * time.Hour, Session: 90 * 24 * time.Hour}), Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	for i := range benchCallers {
		now := time.Now().UTC().Truncate(time.Microsecond)
		a := authcore.Account{ID: uuid.New(), Email: fmt.Sprintf("user%d@example.com", i), EmailVerifiedAt: now, CreatedAt: now, UpdatedAt: now,
			PasswordHash: "$argon2id$v=19$m=47104,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAa"}
		if err := store.CreateAccount(b.Context(), a, nil, authcore.Effects{}); err != nil {
			b.Fatal(err)
		}
		tokens, err := sessions.Start(b.Context(), a, testflow.Request())
		if err != nil {
			b.Fatal(err)
		}
		callers = append(callers, &benchCaller{store: store, sessions: sessions, account: a.ID, hash: a.PasswordHash, token: tokens.Refresh})
	}
	return callers
}

// benchNobody writes no mails: none comes of a good refresh.
type benchNobody struct{}

func (benchNobody) Compose(authcore.Message) (authcore.Mail, error) { return authcore.Mail{}, nil }

func noTexts(context.Context, string) (bool, error) { return false, nil }
