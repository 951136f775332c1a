package caddymodule

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/nodeclock"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/caddymodule/logsink"
)

// TestReady_MetricAgrees: readiness and the metric of it say the same of a database, from the first answer on that does not come.
func TestReady_MetricAgrees(t *testing.T) {
	t.Parallel()
	n := &node{dbHealth: sqldb.NewHealth(logsink.Present(), time.Now), clock: nodeclock.New(logsink.Present())}
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "x.db"), Logger: logsink.Present(), Now: time.Now,
		Trace: n.traceCalls})
	if err != nil {
		t.Fatal(err)
	}
	n.store = store
	a := &App{cfg: &resolved{}, logger: logsink.Present(), node: n}
	both := func(want bool) {
		t.Helper()
		ok, reasons := a.health(t.Context())
		metric := -1.0
		for _, r := range nodeReadings {
			if strings.Contains(r.desc.String(), `"gatehouse_ready"`) {
				r.read(a, nil, func(value float64, _ ...string) { metric = value })
			}
		}
		if ok != want || metric != truth(want) {
			t.Errorf("ready is %t for %q, its metric %v, want %t", ok, reasons, metric, want)
		}
	}
	both(true)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	n.health.last.Store(nil) // the answer of before is good for a moment
	both(false)
}
