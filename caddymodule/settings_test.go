package caddymodule

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// settingsOf reads the JSON form of the app.
func settingsOf(t *testing.T, text string) *Settings {
	t.Helper()
	s := new(Settings)
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	return s
}

func resolvedOf(t *testing.T, text string) *resolved {
	t.Helper()
	r, err := settingsOf(t, text).resolve()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestDefaults: the zero configuration is a single node whose files are in Caddy's data directory.
func TestDefaults(t *testing.T) {
	t.Parallel()
	r := resolvedOf(t, `{}`)
	dir := filepath.Join(caddy.AppDataDir(), "gatehouse")
	for name, equal := range map[string]bool{
		"data_dir":   r.dataDir == dir,
		"database":   r.database.RevealString() == "sqlite:"+filepath.Join(dir, "gatehouse.db"),
		"secret":     len(r.secrets) == 0,
		"issuer":     r.issuer == nil,
		"audience":   len(r.audience) == 0,
		"algorithm":  r.algorithm == jwtkeys.EdDSA,
		"lifetimes":  r.lifetimes()() == session.Lifetimes{Access: 5 * time.Minute, Refresh: 720 * time.Hour, Session: 2160 * time.Hour},
		"remote":     r.remoteUser == "email",
		"signup":     r.signupMode()() == "verified",
		"identities": slices.Equal(r.identities, []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}),
		"otp":        r.otp == otpRules{length: 6, attempts: 5, lifetime: 10 * time.Minute, smsLifetime: 10 * time.Minute, resendAfter: time.Minute},
		"password":   r.password == passwordRules{minLength: 12, maxLength: 256},
		"lockout":    r.lockout == lockoutRules{failures: 5, device: 10, window: 15 * time.Minute, first: time.Minute, max: time.Hour},
		"warnings":   len(r.warnings) == 0,
	} {
		if !equal {
			t.Errorf("the default of %s is not the documented one", name)
		}
	}
	for name, want := range map[string]string{"login": "30/1m", "register": "20/1h", "verify": "30/1m", "forgot": "20/1h",
		"refresh": "120/1m", "token_verify": "120/1m", "secure": "30/1h", "mail": "5/1h"} {
		if got := r.rates[name].String(); got != want {
			t.Errorf("the default rate of %s is %s, expected %s", name, got, want)
		}
	}
	if len(r.rates) != len(limitNames) {
		t.Errorf("%d rates for %d limits", len(r.rates), len(limitNames))
	}
}

// TestOption_data_dir: the files of a node are in its folder, and nothing is made there by reading the configuration.
func TestOption_data_dir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "node")
	t.Setenv("GATEHOUSE_TEST_DATA", dir)
	for _, value := range []string{dir, "{env.GATEHOUSE_TEST_DATA}"} {
		r := resolvedOf(t, fmt.Sprintf(`{"data_dir": %q}`, value))
		if r.dataDir != dir || r.sqlitePath != filepath.Join(dir, "gatehouse.db") {
			t.Errorf("data_dir %s gives %s and the database %s", value, r.dataDir, r.sqlitePath)
		}
		if mail, err := new(Outbox).folder(r.dataDir); err != nil || mail != filepath.Join(dir, "outbox") {
			t.Errorf("data_dir %s gives the outbox %s, %v", value, mail, err)
		}
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("reading the configuration made the folder (%v)", err)
	}
	r := resolvedOf(t, `{"data_dir": "relative/dir", "database": "sqlite:other.db"}`)
	if !filepath.IsAbs(r.dataDir) || !filepath.IsAbs(r.sqlitePath) || filepath.Base(r.sqlitePath) != "other.db" {
		t.Errorf("relative paths are resolved to %s and %s", r.dataDir, r.sqlitePath)
	}
}

// TestResolvedForms: values are typed and written the way they are compared.
func TestResolvedForms(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST_HOST", "Auth.Example.com:443")
	r := resolvedOf(t, `{"issuer": "https://{env.GATEHOUSE_TEST_HOST}", "trusted_origins": ["https://SPA.example.com:443",
		"http://localhost:80", "http://[::1]:3000"], "redirect_hosts": ["App.Example.org:8443"], "access_lifetime": "1s",
		"refresh_lifetime": "2s", "rate_limit": {"login": "3/1s", "mail": "off"}, "identities": ["username"], "algorithm": "RS256"}`)
	if got := r.issuer.String(); got != "https://auth.example.com" {
		t.Errorf("issuer %s", got)
	}
	if want := []string{"https://spa.example.com", "http://localhost", "http://[::1]:3000"}; !slices.Equal(r.trustedOrigins, want) {
		t.Errorf("trusted origins %v", r.trustedOrigins)
	}
	if !slices.Equal(r.redirectHosts, []string{"app.example.org:8443"}) {
		t.Errorf("redirect hosts %v", r.redirectHosts)
	}
	if r.lifetimes()().Access != time.Second || r.lifetimes()().Refresh != 2*time.Second || r.algorithm != jwtkeys.RS256 {
		t.Errorf("lifetimes %v %v, algorithm %v", r.lifetimes()().Access, r.lifetimes()().Refresh, r.algorithm)
	}
	if r.rates["login"] != (ratelimit.Rate{Count: 3, Window: time.Second}) || !r.rates["mail"].Off() {
		t.Errorf("rates %v", r.rates)
	}
	if !slices.Equal(r.identities, []authcore.IdentifierKind{authcore.KindUsername}) {
		t.Errorf("identities %v", r.identities)
	}
}

// TestWarnings: what weakens security is allowed, but told.
func TestWarnings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		`{"lockout": {"off": true}}`:              1,
		`{"rate_limit": {"login": "off"}}`:        1,
		`{"rate_limit": {"login": "1000000/1s"}}`: 0,
	} {
		if got := resolvedOf(t, text).warnings; len(got) != want {
			t.Errorf("%s has the warnings %q, expected %d", text, got, want)
		}
	}
}

// TestJSONIsChecked: a JSON configuration is judged like a Caddyfile. The error names the option.
func TestJSONIsChecked(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST_BAD", "gopher://x")
	t.Setenv("GATEHOUSE_TEST_BRACE", "{env.HOME}")
	for text, option := range map[string]string{
		`{"data_dir": "{http.request.host}"}`:                             "data_dir",
		`{"data_dir": "{env.GATEHOUSE_TEST_UNSET}"}`:                      "data_dir",
		`{"data_dir": "{env.GATEHOUSE_TEST_BRACE}"}`:                      "data_dir",
		`{"database": "mysql://x"}`:                                       "database",
		`{"database": "{env.GATEHOUSE_TEST_BAD}"}`:                        "database",
		`{"database": "postgres://db/x"}`:                                 "database",
		`{"secret": ["0123456789abcdef0123456789abcdef"]}`:                "secret",
		`{"secret": ["{env.GATEHOUSE_TEST_UNSET}"]}`:                      "secret",
		`{"secret": ["{env.GATEHOUSE_TEST_BAD}"]}`:                        "secret",
		`{"issuer": "https://auth.example.com/x"}`:                        "issuer",
		`{"issuer": "{env.GATEHOUSE_TEST_BAD}"}`:                          "issuer",
		`{"audience": ["a b"]}`:                                           "audience",
		`{"algorithm": "none"}`:                                           "algorithm",
		`{"access_lifetime": -1}`:                                         "access_lifetime",
		`{"access_lifetime": "31d"}`:                                      "access_lifetime",
		`{"refresh_lifetime": "1m"}`:                                      "access_lifetime",
		`{"refresh_lifetime": "100d"}`:                                    "access_lifetime",
		`{"session_lifetime": "-1s", "refresh_lifetime": "1h"}`:           "access_lifetime",
		`{"redirect_hosts": ["*"]}`:                                       "redirect_hosts",
		`{"trusted_origins": ["https://a.example", "https://a.example"]}`: "trusted_origins",
		`{"remote_user": "name"}`:                                         "remote_user",
		`{"signup": "invited"}`:                                           "signup",
		`{"identities": ["phone"]}`:                                       "identities",
		`{"otp": {"length": -6}}`:                                         "otp: length",
		`{"otp": {"resend_after": 1}}`:                                    "otp: resend_after",
		`{"password": {"max_length": 100000}}`:                            "password: max_length",
		`{"lockout": {"off": true, "failures": 3}}`:                       "lockout",
		`{"lockout": {"max": "30s"}}`:                                     "lockout: first",
		`{"brand": "Acme\r\nBcc: x"}`:                                     "brand",
		`{"rate_limit": {"resend": "off"}}`:                               "rate_limit",
		`{"rate_limit": {"login": "0/1m"}}`:                               "rate_limit",
	} {
		_, err := settingsOf(t, text).resolve()
		if err == nil || !strings.HasPrefix(err.Error(), option+": ") {
			t.Errorf("%s: the error is %q, expected one about %s", text, fmt.Sprint(err), option)
		}
	}
}

// TestM02_ResolveShowsNoSecret: neither an error nor a print of what was resolved shows a secret.
func TestM02_ResolveShowsNoSecret(t *testing.T) {
	const hidden = "hunter2-hunter2"
	t.Setenv("GATEHOUSE_TEST_SHORT", hidden)
	t.Setenv("GATEHOUSE_TEST_LONG", strings.Repeat(hidden, 3))
	t.Setenv("GATEHOUSE_TEST_URL", "postgres://u:"+hidden+"@db/%zz")
	t.Setenv("GATEHOUSE_TEST_GOOD", "postgres://u:"+hidden+"@db/x")
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(strings.Repeat(hidden, 4)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`{"secret": ["{env.GATEHOUSE_TEST_SHORT}"]}`,
		`{"secret": ["{env.GATEHOUSE_TEST_LONG}"], "database": "{env.GATEHOUSE_TEST_URL}"}`,
		`{"database": "{env.GATEHOUSE_TEST_GOOD}"}`,
		`{"issuer": "https://{env.GATEHOUSE_TEST_SHORT}@auth.example.com"}`,
	} {
		_, err := settingsOf(t, text).resolve()
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: the error is %v", text, err)
		}
	}
	r := resolvedOf(t, fmt.Sprintf(`{"secret": ["{env.GATEHOUSE_TEST_LONG}", "{file.%s}"], "database": "{env.GATEHOUSE_TEST_GOOD}"}`, file))
	if len(r.secrets) != 2 || r.secrets[1].RevealString() != strings.Repeat(hidden, 4) || r.sqlitePath != "" {
		t.Errorf("%d secrets, SQLite at %q", len(r.secrets), r.sqlitePath)
	}
	if out := fmt.Sprintf("%v %+v %#v", r, *r, r.database); strings.Contains(out, "hunter2") {
		t.Errorf("a print shows the secret: %s", out)
	}
}

// TestOutboxFolder: a folder is read from placeholders and made absolute, and not made.
func TestOutboxFolder(t *testing.T) {
	base := t.TempDir()
	t.Setenv("GATEHOUSE_TEST_DATA", base)
	for dir, want := range map[string]string{
		"":                                "/data/outbox",
		"/var/spool/x":                    "/var/spool/x",
		"{env.GATEHOUSE_TEST_DATA}/mails": filepath.Join(base, "mails"),
	} {
		got, err := (&Outbox{Dir: dir}).folder("/data")
		if err != nil || got != want {
			t.Errorf("mail outbox %s is %s, %v", dir, got, err)
		}
	}
	if _, err := (&Outbox{Dir: "{env.GATEHOUSE_TEST_UNSET}/x"}).folder("/data"); err == nil {
		t.Error("a placeholder without a value is not refused")
	}
	if _, err := os.Stat(filepath.Join(base, "mails")); !os.IsNotExist(err) {
		t.Errorf("the folder was made (%v)", err)
	}
}

// TestGuardAndPortalJSON: the handlers' JSON is judged like a Caddyfile.
func TestGuardAndPortalJSON(t *testing.T) {
	t.Parallel()
	for text, option := range map[string]string{
		`{"require": [{}]}`: "require",
		`{"require": [{"role": ["a"], "verified": true}]}`:                          "require",
		`{"require": [{"role": ["a"]}, {"user": ["x"]}]}`:                           "require",
		`{"headers": ["none", "remote"]}`:                                           "headers",
		`{"header": [{"name": "", "value": "{a}"}]}`:                                "header",
		`{"header": [{"name": "X-A", "value": "{a}{b}"}]}`:                          "header",
		`{"header": [{"name": "Cookie", "value": "{http.auth.user.id}"}]}`:          "header",
		`{"login_url": "//x"}`:                                                      "login_url",
		`{}`:                                                                        "",
		`{"require": [{"role": ["a"]}, {"verified": true}], "login_url": "/x?y=1"}`: "",
	} {
		var g GuardSettings
		if err := json.Unmarshal([]byte(text), &g); err != nil {
			t.Fatal(err)
		}
		err := g.check()
		if (option == "") != (err == nil) || (err != nil && !strings.HasPrefix(err.Error(), option+": ")) {
			t.Errorf("%s: the error is %v, expected one about %q", text, err, option)
		}
	}
	for prefix, good := range map[string]bool{"": true, "/auth": true, "/a.b/c~d_e-f": true, "/": false, "//x": false,
		"/.": false, "/.well-known": false, "/a/": false, "/%61": false, "/a{x}": false, "/a\n": false, "/" + strings.Repeat("a", 200): false} {
		if err := (&PortalSettings{Prefix: prefix}).check(); (err == nil) != good {
			t.Errorf("prefix %q: %v", prefix, err)
		}
	}
}

// TestOption_mail: a mail goes into the configured folder, by default into the node's.
func TestOption_mail(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), filepath.Join(t.TempDir(), "mails")
	for _, c := range []struct{ line, want string }{
		{"", filepath.Join(data, "outbox")},
		{"mail outbox", filepath.Join(data, "outbox")},
		{"mail outbox " + other, other},
	} {
		id := uuid.New()
		if err := deliveryFrom(t, c.line, data).Sender.Send(t.Context(), notify.Letter{ID: id, From: "gatehouse@localhost", To: "bob@example.com",
			Subject: "Hello", Text: "Hello", HTML: "<p>Hello</p>", Date: time.Now()}); err != nil {
			t.Fatal(err)
		}
		if found, err := filepath.Glob(filepath.Join(c.want, "*"+id.String()+".eml")); err != nil || len(found) != 1 {
			t.Errorf("with %q the folder %s has %v, %v", c.line, c.want, found, err)
		}
	}
}

// deliveryFrom returns what a `mail` line amounts to.
func deliveryFrom(t *testing.T, line, dataDir string) Delivery {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	mail, err := settingsFrom(t, line).loadMail(ctx)
	if err != nil {
		t.Fatal(err)
	}
	d, err := mail.Delivery(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// settingsFrom adapts a Caddyfile whose global block has one line.
func settingsFrom(t *testing.T, line string) *Settings {
	t.Helper()
	text := "{\n\tgatehouse {\n\t\t" + line + "\n\t}\n}\n"
	out, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Apps struct {
			Gatehouse *Settings `json:"gatehouse"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(out, &config); err != nil {
		t.Fatal(err)
	}
	return config.Apps.Gatehouse
}
