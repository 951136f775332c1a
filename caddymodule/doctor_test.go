package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"

	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal"
)

// examined adapts a Caddyfile and looks through it.
func examined(t *testing.T, input string) findings {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := resolveConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	found, err := examine(config, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return found.sorted()
}

// whileRunning provisions a Caddyfile and looks through what is left of it then.
func whileRunning(t *testing.T, input string) (f findings) {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(input), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
		t.Fatal(err)
	}
	ctx, err := caddy.ProvisionContext(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	app, err := ctx.App("gatehouse")
	if err != nil {
		t.Fatal(err)
	}
	f.configuration(app.(*App).provisioned(), app.(*App).cfg)
	return f.sorted()
}

// doctored is a good configuration, with %-marks where a test spoils it.
const doctored = `{
	admin <admin>
	servers {
		<servers>
	}
	gatehouse {
		data_dir <dir>
		secret {env.DOCTOR_SECRET}
		mail smtp smtps://mail.example.com {
			from a@example.com
		}
		issuer https://app.example.com
		<option>
	}
}
<scheme>app.example.com {
	gatehouse
	<before>
	gatehouse_guard {
		<guard>
	}
	reverse_proxy 127.0.0.1:9
}
<more>
`

func TestExamine(t *testing.T) {
	t.Setenv("DOCTOR_SECRET", strings.Repeat("s", 40))
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged")
	if err := os.WriteFile(damaged, make([]byte, 1<<15), 0o600); err != nil {
		t.Fatal(err)
	}
	filled := func(spoil ...string) string {
		text := doctored
		for i := 0; i+1 < len(spoil); i += 2 {
			text = strings.ReplaceAll(text, spoil[i], spoil[i+1])
		}
		return strings.NewReplacer("<admin>", "unix//run/gatehouse.sock", "<servers>", "trusted_proxies static 192.0.2.1", "<dir>", dir, "<option>", "", "<scheme>", "", "<before>", "",
			"<guard>", "", "<more>", "").Replace(text)
	}
	for id, c := range map[string]struct {
		level string
		spoil []string
	}{
		"":                       {},
		"admin_endpoint_open":    {portal.FindingError, []string{"<admin>", "0.0.0.0:2019"}},
		"breached_file":          {portal.FindingError, []string{"<option>", "password {\n\t\t\tbreached " + damaged + "\n\t\t}"}},
		"secret_in_caddyfile":    {portal.FindingWarning, []string{"<option>", "database postgres://gatehouse:hunter2@db.example.com/g"}},
		"secret_beside_database": {portal.FindingInfo, []string{"secret {env.DOCTOR_SECRET}\n", "\n"}},
		"limits_off":             {portal.FindingWarning, []string{"<option>", "rate_limit login off"}},
		"lockout_off":            {portal.FindingWarning, []string{"<option>", "lockout off"}},
		"mail":                   {portal.FindingWarning, []string{"mail smtp smtps://mail.example.com {\n\t\t\tfrom a@example.com\n\t\t}", ""}},
		"http_cookies":           {portal.FindingWarning, []string{"issuer https://", "issuer http://"}},
		"untrusted_proxies":      {portal.FindingWarning, []string{"<scheme>", "http://", "<servers>", ""}},
		"redirect_host_unguarded": {portal.FindingWarning, []string{"<option>", "redirect_hosts other.example.com", "<more>",
			"other.example.com {\n\trespond ok\n}"}},
		"unguarded_upstream": {portal.FindingWarning, []string{"gatehouse_guard {\n\t\t<guard>\n\t}\n\treverse_proxy 127.0.0.1:9",
			"handle /a/* {\n\t\tgatehouse_guard\n\t\treverse_proxy 127.0.0.1:9\n\t}\n\thandle {\n\t\treverse_proxy 127.0.0.1:9\n\t}"}},
		"guard_after_proxy": {portal.FindingError, []string{"gatehouse_guard {\n\t\t<guard>\n\t}\n\treverse_proxy 127.0.0.1:9",
			"route {\n\t\treverse_proxy 127.0.0.1:9\n\t\tgatehouse_guard\n\t}"}},
		"shadow_guard":   {portal.FindingWarning, []string{"<guard>", "shadow"}},
		"dialect_tokens": {portal.FindingWarning, []string{"<before>", "gatehouse_dialect simplejwt"}},
	} {
		text := filled(c.spoil...)
		found := examined(t, text).Findings
		if id != "secret_in_caddyfile" && id != "breached_file" { // the database of one is not there, and the other does not start
			if running := whileRunning(t, text).Findings; !slices.EqualFunc(found, running, func(a, b finding) bool { return a.ID == b.ID && a.Where == b.Where && a.What == b.What }) {
				t.Errorf("%s: a running gateway finds %+v, and its file has %+v", id, running, found)
			}
		}
		if id == "" {
			if len(found) > 0 {
				t.Errorf("a good configuration has %+v", found)
			}
			continue
		}
		i := slices.IndexFunc(found, func(f finding) bool { return f.ID == id })
		if i < 0 || found[i].Level != c.level || found[i].Where == "" || len(found[i].What) < 20 || found[i].Do == "" {
			t.Errorf("%s: found %+v", id, found)
			continue
		}
		for _, f := range found {
			if f.ID != id && !(id == "guard_after_proxy" && f.ID == "unguarded_upstream") {
				t.Errorf("%s: found %s besides: %+v", id, f.ID, f)
			}
			if strings.Contains(f.What+f.Where+f.Do, "hunter2") {
				t.Errorf("%s shows a secret: %+v", id, f)
			}
		}
	}
}

// Tokens of dialects and guards have to fit together.
func TestExamine_DialectTokens(t *testing.T) {
	t.Parallel()
	for site, want := range map[string]string{
		"gatehouse_dialect simplejwt\n\tgatehouse_guard":                                                      "Caddyfile:3 simplejwt",
		"gatehouse_dialect simplejwt\n\tgatehouse_guard {\n\t\taccept dialect\n\t}":                           "",
		"gatehouse_dialect simplejwt":                                                                         "", // a service may check them itself
		"gatehouse_dialect drf_users /u\n\tgatehouse_guard":                                                   "", // it issues none
		"gatehouse_guard {\n\t\taccept cookie dialect\n\t}":                                                   "Caddyfile:3 accept",
		"gatehouse_guard /a/*\n\tgatehouse_dialect dev_journal\n\tgatehouse_guard {\n\t\taccept dialect\n\t}": "",
	} {
		i := slices.IndexFunc(examined(t, "http://localhost {\n\tgatehouse\n\t"+site+"\n}\n").Findings, func(f finding) bool { return f.ID == "dialect_tokens" })
		if i < 0 != (want == "") {
			t.Errorf("%s: finding %d, want %q", site, i, want)
			continue
		}
		if i >= 0 {
			f := examined(t, "http://localhost {\n\tgatehouse\n\t"+site+"\n}\n").Findings[i]
			place, word, _ := strings.Cut(want, " ")
			if f.Where != place || !strings.Contains(f.What, word) {
				t.Errorf("%s: %+v, want %q", site, f, want)
			}
		}
	}
}

// What a running gateway knows of itself.
func TestFindings_Node(t *testing.T) {
	t.Parallel()
	good := nodeState{signs: true}
	for id, spoil := range map[string]func(*nodeState){
		"": func(*nodeState) {}, "keys": func(s *nodeState) { s.signs = false }, "clock": func(s *nodeState) { s.clockWrong, s.skew = true, time.Hour },
		"postgres": func(s *nodeState) { s.database = errors.New("away") }, "mail": func(s *nodeState) { s.mail = "refused" }, "redis": func(s *nodeState) { s.redis = "silent" },
	} {
		s := good
		spoil(&s)
		var f findings
		if f.node(s); id == "" && len(f.Findings) > 0 || id != "" && (len(f.Findings) != 1 || f.Findings[0].ID != id) {
			t.Errorf("%q: %+v", id, f.Findings)
		}
	}
}

// A schema that this program does not know, settings that outrank the Caddyfile, and an issuer where nothing of ours answers.
func TestFindings_OfARunningGateway(t *testing.T) {
	t.Parallel()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "users.db"), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	status := http.StatusOK
	answers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/auth/healthz" {
			t.Errorf("asked for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	defer answers.Close()
	look := func(all []tuning.Setting, portalURL string) (ids []string) {
		t.Helper()
		var f findings
		if err := f.migrations(t.Context(), store); err != nil {
			t.Fatal(err)
		}
		f.overridden(all)
		f.issuer(t.Context(), &issuerLook{}, portalURL)
		for _, x := range f.Findings {
			if ids = append(ids, x.ID); len(x.What) < 20 || strings.Contains(x.What+x.Do, "<no value>") {
				t.Errorf("%+v", x)
			}
		}
		return ids
	}
	quiet := []tuning.Setting{{Name: "signup", Source: tuning.FromDefault}, {Name: "fresh_for", Source: tuning.FromCaddyfile}}
	if ids := look(quiet, answers.URL+"/auth"); ids != nil {
		t.Errorf("an empty database has %q", ids)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ids := look(quiet, answers.URL+"/auth"); ids != nil {
		t.Errorf("a good gateway has %q", ids)
	}
	version := func(to string) {
		t.Helper()
		err := store.Write(t.Context(), "set version", func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.Exec(ctx, q, to)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	status = http.StatusBadGateway
	version("insert into goose_db_version (version_id, is_applied) values (999, 1)")
	want := []string{"migrations", "settings_overridden", "issuer_unreachable"}
	if ids := look(append(quiet, tuning.Setting{Name: "access_lifetime", Source: tuning.FromRuntime}), answers.URL+"/auth"); !slices.Equal(ids, want) {
		t.Errorf("found %q, want %q", ids, want)
	}
	version("delete from goose_db_version where version_id > 6")
	if ids := look(quiet, "http://127.0.0.1:1/auth"); !slices.Equal(ids, []string{"migrations", "issuer_unreachable"}) {
		t.Errorf("found %q", ids)
	}
}

// The issuer is asked once a minute at most, however often somebody looks.
func TestIssuerLook_IsShared(t *testing.T) {
	t.Parallel()
	asked := 0
	answers := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	defer answers.Close()
	var l issuerLook
	for range 5 {
		if err := l.ask(t.Context(), answers.URL); err != nil {
			t.Fatal(err)
		}
	}
	if l.at = l.at.Add(-2 * issuerLooked); l.ask(t.Context(), answers.URL) != nil || asked != 2 {
		t.Errorf("asked %d times, want 2", asked)
	}
}

func TestFindings_WorstFirst(t *testing.T) {
	t.Parallel()
	var f findings
	f.add("a", portal.FindingInfo, "")
	f.add("b", portal.FindingError, "")
	f.add("c", portal.FindingWarning, "")
	if got := f.sorted(); got.Findings[0].ID != "b" || got.Findings[2].ID != "a" || !got.failed() || (findings{}).failed() || (findings{}).sorted().Findings == nil {
		t.Errorf("%+v", got)
	}
}
