package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

const monitoringFolder = "../../examples/monitoring"

// prometheus is a real one that watches a gateway, by the example's configuration.
type prometheus struct{ base string }

// watchedBy starts a Prometheus on the example's files; of these only the target and the intervals are others.
func watchedBy(t *testing.T, target string) *prometheus {
	t.Helper()
	folder := t.TempDir()
	config := readExample(t, "prometheus.yml")
	for was, is := range map[string]string{"scrape_interval: 15s": "scrape_interval: 200ms", "evaluation_interval: 15s": "evaluation_interval: 200ms",
		"localhost:9180": target} {
		if strings.Count(config, was) != 1 {
			t.Fatalf("prometheus.yml has %q %d times", was, strings.Count(config, was))
		}
		config = strings.Replace(config, was, is, 1)
	}
	for name, text := range map[string]string{"prometheus.yml": config, "alerts.yml": readExample(t, "alerts.yml")} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	log := &gatehousetest.Log{}
	addr := "127.0.0.1:" + strconv.Itoa(gatehousetest.FreePort())
	cmd := exec.Command("prometheus", "--config.file="+filepath.Join(folder, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+addr, "--log.level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := gatehousetest.Spawn(cmd); err != nil {
		t.Fatalf("starting prometheus (of the Debian package of this name): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus's last lines:\n%s", log.Tail(10))
		}
	})
	p := &prometheus{"http://" + addr + "/api/v1/"}
	eventually(t, "Prometheus has seen the node a few times", func() bool {
		var got samples
		return p.try("query?query="+url.QueryEscape(`count_over_time(up{job="gatehouse"}[1m])`), &got) == nil && got.value() >= 3
	})
	return p
}

func readExample(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(monitoringFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// samples is what an instant query finds.
type samples struct {
	Result []struct {
		Metric map[string]string
		Value  [2]any
	}
}

func (s samples) value() float64 {
	if len(s.Result) == 0 {
		return -1
	}
	v, err := strconv.ParseFloat(fmt.Sprint(s.Result[0].Value[1]), 64)
	if err != nil {
		return -1
	}
	return v
}

// try asks Prometheus; the data of a good answer go into v.
func (p *prometheus) try(path string, v any) error {
	resp, err := http.Get(p.base + path)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var a struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil {
		return err
	}
	if a.Status != "success" {
		return fmt.Errorf("%d: %s", resp.StatusCode, a.Error)
	}
	return json.Unmarshal(a.Data, v)
}

func (p *prometheus) ask(t *testing.T, path string, v any) {
	t.Helper()
	if err := p.try(path, v); err != nil {
		t.Fatalf("Prometheus: %v", err)
	}
}

// TestMonitoring_Example: a real Prometheus with the example's configuration watches a real node; every expression of the
// alerts and of the dashboard can be evaluated, names only metrics that the node exposes, and on the dashboard shows something.
func TestMonitoring_Example(t *testing.T) {
	t.Parallel()
	redis := testredis.New(t, testredis.Options{})
	g := start(t, plan{postgres: true, env: []string{"TEST_REDIS=" + redis.URL()}, global: "\n\t\tredis {env.TEST_REDIS}\n\t\tsms outbox\n",
		site: defaultSite + "http://127.0.0.1:<port2> {\n\tmetrics\n}\n"})
	u := g.newUser(t)
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	g.api(t, "POST", "/refresh", map[string]any{"refresh_token": u.refresh}).want(t, 200, "")
	p := watchedBy(t, "127.0.0.1:"+strconv.Itoa(g.Port2))

	var known []string
	p.ask(t, "label/__name__/values", &known)
	named := regexp.MustCompile(`\b(?:gatehouse|process|go|caddy)_[a-z_]+`)
	selected := regexp.MustCompile(`\bgatehouse_[a-z_]+\{[^}]*\}`)
	expressions := 0
	evaluate := func(where, expr string, shows bool) {
		expressions++
		expr = strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*").Replace(expr)
		for _, name := range named.FindAllString(expr, -1) {
			if !slices.Contains(known, name) {
				t.Errorf("%s names %s, which the node does not expose", where, name)
			}
		}
		for _, selector := range selected.FindAllString(expr, -1) { // a label's value may be mistaken as well
			var got samples
			if p.ask(t, "query?query="+url.QueryEscape(selector), &got); len(got.Result) == 0 {
				t.Errorf("%s asks for %s, and there is nothing like it", where, selector)
			}
		}
		var got samples
		if err := p.try("query?query="+url.QueryEscape(expr), &got); err != nil {
			t.Errorf("%s: %s: %v", where, expr, err)
		} else if shows && len(got.Result) == 0 {
			t.Errorf("%s: %s shows nothing", where, expr)
		}
	}
	var rules struct {
		Groups []struct {
			Rules []struct{ Name, Query, State, LastError string }
		}
	}
	p.ask(t, "rules", &rules)
	for _, group := range rules.Groups {
		for _, r := range group.Rules {
			evaluate("alert "+r.Name, r.Query, false)
			if r.State != "inactive" || r.LastError != "" {
				t.Errorf("while all is well alert %s is %s %s", r.Name, r.State, r.LastError)
			}
		}
	}
	if expressions < 10 {
		t.Errorf("Prometheus has %d alerts", expressions)
	}
	for _, panel := range dashboard(t).Panels {
		for _, target := range panel.Targets {
			evaluate("panel "+panel.Title, target.Expr, true)
		}
	}
}

type grafana struct {
	UID, Title string
	Panels     []struct {
		Type, Title string
		GridPos     struct{ X, Y, W, H int }
		Targets     []struct{ Expr string }
	}
}

func dashboard(t *testing.T) (d grafana) {
	t.Helper()
	if err := json.Unmarshal([]byte(readExample(t, "grafana/dashboards/gatehouse.json")), &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || len(d.Panels) < 20 {
		t.Fatalf("the dashboard %q has %d panels", d.Title, len(d.Panels))
	}
	for i, p := range d.Panels {
		if p.Type != "row" && len(p.Targets) == 0 {
			t.Errorf("panel %s shows nothing", p.Title)
		}
		for _, o := range d.Panels[:i] {
			a, b := p.GridPos, o.GridPos
			if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
				t.Errorf("panel %s lies over %s", p.Title, o.Title)
			}
		}
	}
	return d
}

// TestMonitoring_Rules: the example's files are what Prometheus takes, and each alert fires when it should and not before.
func TestMonitoring_Rules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"check", "config", "prometheus.yml"}, {"check", "rules", "alerts.yml"}, {"test", "rules", "alerts_test.yml"}} {
		cmd := exec.Command("promtool", args...)
		cmd.Dir = monitoringFolder
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	if out, errs, code := shared(t).Command(t, "adapt", "--validate", "--config", absolute(t, monitoringFolder+"/Caddyfile")); code != 0 {
		t.Errorf("the example's Caddyfile: %s %s", out, errs)
	}
	tests := readExample(t, "alerts_test.yml")
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllStringSubmatch(readExample(t, "alerts.yml"), -1) {
		if !strings.Contains(tests, "alertname: "+m[1]+"\n") {
			t.Errorf("no test shows that %s fires", m[1])
		}
		if !strings.Contains(tests, "alertname: "+m[1]+", exp_alerts: []") {
			t.Errorf("no test shows that %s does not fire while all is well", m[1])
		}
	}
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return full
}
