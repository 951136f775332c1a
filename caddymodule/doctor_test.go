package caddymodule

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/caddyconfig"
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
	filled := func(spoil ...string) findings {
		t.Helper()
		text := doctored
		for i := 0; i+1 < len(spoil); i += 2 {
			text = strings.ReplaceAll(text, spoil[i], spoil[i+1])
		}
		text = strings.NewReplacer("<admin>", "unix//run/gatehouse.sock", "<servers>", "trusted_proxies static 192.0.2.1", "<dir>", dir, "<option>", "", "<scheme>", "", "<before>", "",
			"<guard>", "", "<more>", "").Replace(text)
		return examined(t, text)
	}
	if found := filled().Findings; len(found) != 0 {
		t.Errorf("a good configuration has %+v", found)
	}
	for id, c := range map[string]struct {
		level string
		spoil []string
	}{
		"admin_endpoint_open":    {findingError, []string{"<admin>", "0.0.0.0:2019"}},
		"breached_file":          {findingError, []string{"<option>", "password {\n\t\t\tbreached " + damaged + "\n\t\t}"}},
		"secret_in_caddyfile":    {findingWarning, []string{"<option>", "database postgres://gatehouse:hunter2@db.example.com/g"}},
		"secret_beside_database": {findingInfo, []string{"secret {env.DOCTOR_SECRET}\n", "\n"}},
		"limits_off":             {findingWarning, []string{"<option>", "rate_limit login off"}},
		"lockout_off":            {findingWarning, []string{"<option>", "lockout off"}},
		"mail":                   {findingWarning, []string{"mail smtp smtps://mail.example.com {\n\t\t\tfrom a@example.com\n\t\t}", ""}},
		"http_cookies":           {findingWarning, []string{"issuer https://", "issuer http://"}},
		"untrusted_proxies":      {findingWarning, []string{"<scheme>", "http://", "<servers>", ""}},
		"redirect_host_unguarded": {findingWarning, []string{"<option>", "redirect_hosts other.example.com", "<more>",
			"other.example.com {\n\trespond ok\n}"}},
		"unguarded_upstream": {findingWarning, []string{"gatehouse_guard {\n\t\t<guard>\n\t}\n\treverse_proxy 127.0.0.1:9",
			"handle /a/* {\n\t\tgatehouse_guard\n\t\treverse_proxy 127.0.0.1:9\n\t}\n\thandle {\n\t\treverse_proxy 127.0.0.1:9\n\t}"}},
		"guard_after_proxy": {findingError, []string{"gatehouse_guard {\n\t\t<guard>\n\t}\n\treverse_proxy 127.0.0.1:9",
			"route {\n\t\treverse_proxy 127.0.0.1:9\n\t\tgatehouse_guard\n\t}"}},
		"shadow_guard": {findingWarning, []string{"<guard>", "shadow"}},
	} {
		found := filled(c.spoil...).Findings
		i := slices.IndexFunc(found, func(f finding) bool { return f.ID == id })
		if i < 0 || found[i].Level != c.level || found[i].Where == "" || found[i].What == "" || found[i].Do == "" {
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

func TestFindings_WorstFirst(t *testing.T) {
	t.Parallel()
	var f findings
	f.add("a", findingInfo, "", "", "")
	f.add("b", findingError, "", "", "")
	f.add("c", findingWarning, "", "", "")
	if got := f.sorted(); got.Findings[0].ID != "b" || got.Findings[2].ID != "a" || !got.failed() || (findings{}).failed() || (findings{}).sorted().Findings == nil {
		t.Errorf("%+v", got)
	}
}
