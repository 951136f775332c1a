//go:build upgrade

package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// fleet is two nodes on one Postgres and one Redis behind the balancer of examples/cluster, which is the gateway that it
// holds: what visitors reach.
type fleet struct {
	*gateway
	t        *testing.T
	nodes    [2]*gateway
	redis    *testredis.Server
	visitors []*visitor
	patience patience
}

// patience asks again where the answer is 503 for a reason that says something about this machine, and says when: a node has too
// many passwords to hash, or Redis took longer than its quarter of a second and a mail for a sign-up cannot be counted. Any other
// 503 is an outage and is passed on as it is: one of the guard, of a refresh, of a sign-out, or the balancer's own.
type patience struct {
	*http.Transport
	busy, hashed *atomic.Int64
}

// hashes are the requests that need a password's hash.
var hashes = []string{"/auth/login", "/auth/register", "/auth/me/password", "/auth/password/reset"}

// RoundTrip implements http.RoundTripper.
func (p patience) RoundTrip(req *http.Request) (*http.Response, error) {
	if slices.Contains(hashes, req.URL.Path) {
		p.hashed.Add(1)
	}
	for tries := 0; ; tries++ {
		resp, err := p.Transport.RoundTrip(req)
		if err != nil || tries == 5 {
			return resp, err
		}
		excused, err := excuse(resp)
		if err != nil || !excused {
			return resp, err
		}
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			return resp, nil
		}
		p.busy.Add(1)
		<-time.After(time.Duration(wait) * time.Second)
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// excuse reports whether an answer is a 503 that patience may ask again after. The answer can be read all the same.
func excuse(resp *http.Response) (bool, error) {
	path := resp.Request.URL.Path
	if resp.StatusCode != http.StatusServiceUnavailable || !slices.Contains(hashes, path) {
		return false, nil
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(text))
	fullQueue := bytes.Contains(text, []byte("Too many requests right now"))
	return fullQueue || path == "/auth/register" && bytes.Contains(text, []byte("This cannot be answered right now")), err
}

const fleetSite = `http://auth.localhost:<port>, http://127.0.0.1:<port> {
	header X-Served-By <name>
	gatehouse
	gatehouse_guard
	reverse_proxy <upstream>
}
http://app.localhost:<port> {
	header X-Served-By <name>
	gatehouse_guard {
		login_url http://auth.localhost:<outside>/auth/login
	}
	reverse_proxy <upstream>
}
`

// fleetAccess is short, so that everybody is renewed often while the nodes change, and longer than a revocation may take.
const fleetAccess = 20 * time.Second

func startFleet(t *testing.T, binary string) *fleet {
	t.Helper()
	dir, err := os.MkdirTemp(workDir(t), "")
	if err != nil {
		t.Fatal(err)
	}
	f := &fleet{t: t, redis: testredis.New(t, testredis.Options{Rules: redisRules})}
	f.patience = patience{&http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}, new(atomic.Int64), new(atomic.Int64)}
	f.gateway = &gateway{Gateway: gatehousetest.Over(dir, "", ""), undocumented: true}
	f.client = &http.Client{Timeout: time.Minute, Transport: f.patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	database := testpg.Database(t)
	for i := range f.nodes {
		f.nodes[i] = nodeBeside(t, plan{postgres: true, binary: binary, env: []string{"TEST_REDIS=" + f.redis.URL()},
			caddy: behindProxy + "\n\tshutdown_delay 3s\n\tgrace_period 30s",
			global: fmt.Sprintf("redis {env.TEST_REDIS}\n\t\tissuer http://auth.localhost:%[1]d\n\t\tredirect_hosts app.localhost:%[1]d\n\t\tmail outbox %[2]s\n\t\taccess_lifetime %[3]s\n\t\trate_limit token_verify %[4]d/1h\n",
				f.Port, filepath.Join(dir, "data", "outbox"), fleetAccess, outageLimit),
			site: strings.NewReplacer("<name>", fmt.Sprint("node", i+1), "<outside>", fmt.Sprint(f.Port)).Replace(fleetSite)}, database)
		f.nodes[i].client = f.client
	}
	f.balance()
	return f
}

// balance runs the balancer with the program of this tree.
func (f *fleet) balance() {
	f.t.Helper()
	var err error
	if f.Binary, err = gatehousetest.Release(); err != nil {
		f.t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(exampleFolder, "balancer.caddyfile"))
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(f.Dir, "Caddyfile"), text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	f.Env = []string{fmt.Sprintf("SITE=http://:%d", f.Port), "NODES=" + f.nodes[0].Host() + " " + f.nodes[1].Host()}
	if err := f.Launch(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		f.Kill()
		f.client.CloseIdleConnections()
		if f.t.Failed() {
			f.t.Logf("the balancer's last lines:\n%s", f.Log.Tail(20))
		}
	})
	f.bothServe()
}

// bothServe waits until the balancer sends requests to both nodes.
func (f *fleet) bothServe() {
	f.t.Helper()
	eventually(f.t, "both nodes are served", func() bool {
		seen := map[string]bool{}
		for range 8 {
			if a, err := f.try(call{path: "/auth/readyz"}); err == nil && a.status == 200 {
				seen[a.header.Get("X-Served-By")] = true
			}
		}
		return len(seen) == 2
	})
}

// roll replaces a node's program, as an operator does who upgrades: SIGTERM, then the other one.
func (f *fleet) roll(node *gateway, binary string) {
	f.t.Helper()
	node.terminate(f.t)
	node.client.CloseIdleConnections()
	node.Binary = binary
	node.restart(f.t)
	f.bothServe()
}

// schema is the version of the database's schema.
func (f *fleet) schema() int64 {
	f.t.Helper()
	return f.nodes[0].count(f.t, "select max(version_id) from goose_db_version where is_applied")
}

// visitor is somebody who does one thing again and again.
type visitor struct {
	name    string
	account string // whose refreshes must never be taken for theft; "" for somebody new each time
	rest    time.Duration
	step    func() error
	done    int
}

// phase is something that happens while all visitors are about. Each must have been served.
func (f *fleet) phase(name string, happens func()) {
	f.t.Helper()
	began := time.Now()
	var about sync.WaitGroup
	over := make(chan struct{})
	for _, v := range f.visitors {
		v.done = 0
		about.Go(func() {
			tick := time.NewTicker(v.rest)
			defer tick.Stop()
			for {
				if err := v.step(); err != nil {
					f.t.Errorf("%s, after %s: %s: %v", name, time.Since(began).Round(time.Millisecond), v.name, err)
					return
				}
				v.done++
				select {
				case <-over:
					return
				case <-tick.C:
				}
			}
		})
	}
	func() {
		defer func() { close(over); about.Wait() }()
		happens()
	}()
	if f.t.Failed() {
		f.t.FailNow()
	}
	told := make([]string, len(f.visitors))
	for i, v := range f.visitors {
		told[i] = fmt.Sprintf("%s %d", v.name, v.done)
	}
	busy, hashed := f.patience.busy.Swap(0), f.patience.hashed.Swap(0)
	f.t.Logf("%s: %s; served: %s; asked again %d times, %d passwords", name, time.Since(began).Round(time.Millisecond), strings.Join(told, ", "), busy, hashed)
	most := hashed / 4 // on a machine that does other things as well
	if soak.Long() {
		most = 0
	}
	if busy > most {
		f.t.Errorf("%s: %d of %d requests that need a password's hash were told to come again", name, busy, hashed)
	}
}
