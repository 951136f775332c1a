package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/guard"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/internal/testlog"
)

// viewed is a configuration on Postgres with guards, whose snapshot of revocations gets older.
type viewed struct {
	app    *App
	guards []*Guard
	log    bytes.Buffer
	age    time.Duration
}

func newViewed(t *testing.T, global Settings, guards ...GuardSettings) *viewed {
	t.Helper()
	v := &viewed{app: &App{cfg: &resolved{}}}
	if err := resolveStaleness(&global, v.app.cfg); err != nil {
		t.Fatal(err)
	}
	confirmed := time.Now()
	fresh := revocation.NewStaleness(func() time.Time { return confirmed.Add(v.age) })
	fresh.Database(confirmed)
	v.app.node = &node{staleness: fresh}
	v.app.edge = guard.NewEdge()
	v.app.edge.Start(&guard.Started{Staleness: fresh})
	for _, settings := range guards {
		g := &Guard{GuardSettings: settings, app: v.app, way: guard.Guard{Edge: v.app.edge}}
		if err := g.limitStaleness(); err != nil {
			t.Fatal(err)
		}
		v.guards = append(v.guards, g)
	}
	return v
}

// refusing returns how many guards refuse, and whether the pages do.
func (v *viewed) refusing() (guards int, pages bool) {
	for _, g := range v.guards {
		if g.way.Stale() {
			guards++
		}
	}
	return guards, v.app.stale()
}

// lines returns what the log has got since it was last asked.
func (v *viewed) lines(t *testing.T) (lines []map[string]any) {
	t.Helper()
	for d := json.NewDecoder(&v.log); d.More(); {
		line := map[string]any{}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestAging_SaysWhatIsDone: whichever policies guards and pages have, the log says of a snapshot that is too old what they do with
// it, once for each change.
func TestAging_SaysWhatIsDone(t *testing.T) {
	t.Parallel()
	deny, serve := Settings{OnStale: onStaleDeny}, Settings{OnStale: onStaleServe}
	const sec = time.Second
	strict := GuardSettings{OnStale: onStaleDeny, MaxStaleness: caddy.Duration(5 * sec)}
	lenient, lax := GuardSettings{OnStale: onStaleServe}, GuardSettings{OnStale: onStaleDeny, MaxStaleness: caddy.Duration(60 * sec)}
	type line struct {
		age  time.Duration
		says string // "" for no line
	}
	const (
		served  = "confirms it; requests are still served"
		refused = "confirms it; signed-in users are refused"
		fresh   = "confirmed again"
	)
	for name, c := range map[string]struct {
		global Settings
		guards []GuardSettings
		lines  []line
	}{
		"all deny":          {deny, []GuardSettings{{}, {}}, []line{{29 * sec, ""}, {31 * sec, refused}, {90 * sec, ""}, {0, fresh}, {sec, ""}}},
		"all serve":         {serve, []GuardSettings{{}, lenient}, []line{{29 * sec, ""}, {31 * sec, served}, {90 * sec, ""}, {0, fresh}}},
		"no guards, deny":   {deny, nil, []line{{31 * sec, refused}, {0, fresh}}},
		"no guards, serve":  {serve, nil, []line{{31 * sec, served}, {0, fresh}}},
		"one guard denies":  {serve, []GuardSettings{strict, {}}, []line{{4 * sec, ""}, {10 * sec, "; some guards refuse"}, {40 * sec, ""}, {0, fresh}}},
		"every guard does":  {serve, []GuardSettings{strict}, []line{{10 * sec, "; guards refuse signed-in users, pages and API still serve"}, {0, fresh}}},
		"the guards serve":  {deny, []GuardSettings{lenient, lenient}, []line{{10 * sec, ""}, {31 * sec, "; guards still serve, pages and API refuse"}}},
		"one guard serves":  {deny, []GuardSettings{lenient, {}}, []line{{31 * sec, "; pages, API and some guards refuse"}, {0, fresh}}},
		"one after another": {deny, []GuardSettings{lax, strict}, []line{{10 * sec, "; some guards refuse"}, {31 * sec, "; pages, API and some"}, {61 * sec, refused}, {0, fresh}}},
		"later than global": {serve, []GuardSettings{lax}, []line{{31 * sec, served}, {61 * sec, "; guards refuse"}, {0, fresh}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newViewed(t, c.global, c.guards...)
			logger := slog.New(slog.NewJSONHandler(&v.log, nil))
			var g staleLog
			for _, want := range c.lines {
				v.age = want.age
				g.look(v.app, logger)
				g.look(v.app, logger)
				got := v.lines(t)
				if want.says == "" {
					if len(got) != 0 {
						t.Errorf("at %s: %v", want.age, got)
					}
					continue
				}
				if len(got) != 1 || !strings.Contains(got[0]["msg"].(string), want.says) {
					t.Fatalf("at %s the log has %v, want one line with %q", want.age, got, want.says)
				}
				guards, pages := v.refusing()
				if stale := want.says != fresh; stale && (got[0]["refusing_guards"] != float64(guards) ||
					got[0]["guards"] != float64(len(v.guards)) || got[0]["pages_refuse"] != pages || got[0]["state"] != "stale") {
					t.Errorf("at %s %d guards refuse, pages %t, and the log says %v", want.age, guards, pages, got[0])
				}
			}
		})
	}
}

// TestLook_TakesTurns: of two configurations on one node, as a reload has them for a moment, one looks, and the other one goes on
// where it has ended.
func TestLook_TakesTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := testlog.NewStuck()
		n := &node{dbHealth: sqldb.NewHealth(slog.New(log), time.Now), looking: make(chan struct{}, 1)}
		look := func() (end func()) {
			a := &App{cfg: &resolved{sqlitePath: "x"}, node: n}
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			running.Go(func() { a.look(ctx) })
			synctest.Wait()
			return func() { cancel(); running.Wait() }
		}
		write := sqldb.Call{Step: "write", Writes: true}
		end, endNext := look(), look()
		n.dbHealth.Record(write, sqldb.ErrReadOnly)
		log.Line(t)
		end()
		n.dbHealth.Record(write, nil)
		if line := log.Line(t); !strings.Contains(line, "works again") {
			t.Errorf("the line after the first has ended is %q", line)
		}
		endNext()
	})
}
