package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// followed is a stream of events that somebody reads.
type followed struct {
	told chan object // closed at the end of the stream
	cut  context.CancelFunc
	mark string // of the last one that was taken; of use once it is cut
}

// follow connects as an administrator.
func (g *gateway) follow(t testing.TB, token, query, mark string) *followed {
	t.Helper()
	ctx, cut := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+g.Host()+"/auth/admin/events/stream?"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if mark != "" {
		r.Header.Set("Last-Event-ID", mark)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("the stream is %d %v", resp.StatusCode, resp.Header)
	}
	f := &followed{told: make(chan object), cut: cut}
	go func() {
		defer close(f.told)
		defer resp.Body.Close()
		lines, mark := bufio.NewScanner(resp.Body), ""
		for lines.Buffer(nil, 1<<20); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				mark = value
			case "data":
				e := object{}
				if json.Unmarshal([]byte(value), &e) != nil {
					return
				}
				e["mark"] = mark
				select {
				case f.told <- e:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return f
}

// take returns the next event; nil at the end of the stream.
func (f *followed) take(t testing.TB) object {
	t.Helper()
	select {
	case e, more := <-f.told:
		if more {
			f.mark = e["mark"].(string)
		}
		return e
	case <-time.After(20 * time.Second):
		t.Fatal("nothing is told")
		return nil
	}
}

// reloadSame gives the running process the configuration that it has.
func (g *gateway) reloadSame(t testing.TB) {
	t.Helper()
	has, err := g.Admin.Get("http://admin/config/")
	if err != nil {
		t.Fatal(err)
	}
	defer has.Body.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://admin/load", has.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cache-Control", "must-revalidate")
	took, err := g.Admin.Do(r)
	if err != nil || took.StatusCode != http.StatusOK {
		t.Fatalf("reload: %v %v", took, err)
	}
	took.Body.Close()
	g.settled(t)
}

// TestM07_EventsOfEveryNode: an administrator follows, on one node, what happens on both, by the API and by the command line. A burst is told of
// in whole and once, also to who breaks off in the middle of it and comes back to the other node. Sessions of everybody are listed and ended on
// the node where they were not opened; the stream ends with its own, and with a reload, which does not wait for it.
func TestM07_EventsOfEveryNode(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{})
	a, b := c.a, c.b
	boss := a.newUser(t)
	a.operatorJSON(t, "user", "role", "add", boss.email, "admin")
	boss = a.signIn(t, boss, false)
	const signIns = "kind=session.signed_in"
	f := a.follow(t, boss.access, signIns, "")
	tail := gatehousetest.Command(a.Binary, a.Dir, a.Env, "events", "tail", "--kind", "session.sign_in_failed", "--config", "Caddyfile", "--json")
	printed, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	defer printed.Close()
	tail.Stdout = printed
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- tail.Wait() }()
	t.Cleanup(func() { _ = tail.Process.Kill() }) // it has ended if the test passes
	eventually(t, "the command follows events", func() bool {
		return a.count(t, "select count(*) from events where kind = 'admin.events.stream' and actor_via = 'operator'") == 1
	})

	u := a.newUser(t)
	const burst, each = 24, 6 // a node of a busy machine is told to wait where all sign in at once
	var all sync.WaitGroup
	for i := range burst / each {
		all.Go(func() {
			for range each {
				[]*gateway{a, b}[i%2].signIn(t, u, false)
			}
		})
	}
	seen := map[string]int{}
	for len(seen) < burst/3 {
		seen[f.take(t)["id"].(string)]++
	}
	f.cut()
	all.Wait()
	f = b.follow(t, boss.access, signIns, f.mark)
	for len(seen) < burst+1 { // with that of newUser
		e := f.take(t)
		if seen[e["id"].(string)]++; seen[e["id"].(string)] > 1 {
			t.Errorf("told twice of %v", e)
		}
	}
	began := time.Now()
	late := a.signIn(t, u, false)
	if e := f.take(t); e["session_id"] != late.sid || e["account"].(map[string]any)["label"] != u.email || time.Since(began) > 5*time.Second {
		t.Errorf("told %v after %v", e, time.Since(began))
	}
	a.api(t, "POST", "/login", object{"login": u.email, "password": "wrong"}).want(t, 401, "invalid_credentials")
	eventually(t, "the command prints it", func() bool {
		out, err := os.ReadFile(printed.Name())
		return err == nil && strings.Contains(string(out), `"kind":"session.sign_in_failed"`)
	})

	as := call{bearer: boss.access}
	list := a.api(t, "GET", "/admin/sessions?limit=200&user="+u.id, nil, as).must(t, 200, "").json(t)["sessions"].([]any)
	if len(list) != burst+2 || list[0].(map[string]any)["id"] != late.sid {
		t.Errorf("%d sessions, the first is %v", len(list), list[0])
	}
	b.api(t, "DELETE", "/admin/sessions/"+late.sid, nil, as).must(t, 204, "")
	inTime(t, time.Second, "the session has ended on the other node", func() bool { return a.do(t, call{path: "/app", bearer: late.access}).status == 401 })
	a.api(t, "DELETE", "/admin/sessions/"+late.sid, nil, as).want(t, 404, "not_found")

	onA := a.follow(t, boss.access, signIns, "")
	a.reloadSame(t)
	if e := onA.take(t); e != nil {
		t.Errorf("told %v", e)
	}
	onA = a.follow(t, boss.access, signIns, "")
	revoked := a.api(t, "POST", "/admin/sessions/revoke", object{"all": true}, as).must(t, 200, "").json(t)["revoked"]
	if revoked.(float64) < burst+2 {
		t.Errorf("%v sessions have ended", revoked)
	}
	for _, s := range []*followed{onA, f} {
		if e := s.take(t); e != nil {
			t.Errorf("told %v", e)
		}
	}
	a.terminate(t)
	if <-ended; tail.ProcessState.ExitCode() != 5 {
		t.Errorf("the command ended with %v", tail.ProcessState)
	}
}
