package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/tools/modlist"
)

func shipped(t *testing.T) *database {
	t.Helper()
	db, err := readDatabase(osvData)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// compiled is a build of one module with all its affected packages.
func compiled(db *database, module, version string) *modlist.Build {
	packages := map[string]bool{module: true}
	for _, e := range db.Entries {
		if e.Module == module {
			for _, p := range e.Packages {
				packages[p] = true
			}
		}
	}
	if module == stdlib {
		return &modlist.Build{Std: packages, Toolchain: version}
	}
	return &modlist.Build{Toolchain: "99.0", Modules: []modlist.Module{{Path: module, Version: version, Packages: packages}}}
}

func ids(findings []finding) (out []string) {
	for _, f := range findings {
		out = append(out, f.ID)
	}
	return out
}

// TestM14_KnownVulnerable: versions with a known vulnerability are found, and those with its fix are not.
func TestM14_KnownVulnerable(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	for _, c := range []struct {
		module, version, id string
		found               bool
	}{
		{"github.com/golang-jwt/jwt/v5", "v5.2.1", "GO-2025-3553", true},
		{"github.com/golang-jwt/jwt/v5", "v5.2.2", "GO-2025-3553", false},
		{"github.com/golang-jwt/jwt/v5", "v5.0.0-rc.1", "GO-2025-3553", true},
		{"github.com/golang-jwt/jwt/v5", "v5.2.2-0.20250321142236-000000000000", "GO-2025-3553", true}, // a commit before the fix
		{"github.com/golang-jwt/jwt/v5", "v5.2.3-0.20250401000000-000000000000", "GO-2025-3553", false},
		{"github.com/caddyserver/caddy/v2", "v2.11.1", "GO-2026-4639", true},
		{"github.com/caddyserver/caddy/v2", "v2.11.3", "GO-2026-5346", true},
		{"github.com/caddyserver/caddy/v2", "v2.9.1", "GO-2026-4639", false},
		{"github.com/jackc/pgx/v5", "v5.11.0", "GHSA-j38q-h3ph-jjpq", true},
		{"github.com/jackc/pgx/v5", "v5.12.0", "GHSA-j38q-h3ph-jjpq", false},
		{"github.com/redis/go-redis/v9", "v9.6.2", "GO-2025-3540", true},
		{"github.com/redis/go-redis/v9", "v9.6.3", "GO-2025-3540", false},
		{"github.com/redis/go-redis/v9", "v9.7.0", "GO-2025-3540", true},
		{"gopkg.in/yaml.v3", "v3.0.0-20200313102051-9f266ea9e77c", "GO-2022-0603", true},
		{"gopkg.in/yaml.v3", "v3.0.1", "GO-2022-0603", false},
		{stdlib, "1.26.8", "GO-2026-6617", true},
		{stdlib, "1.26.9", "GO-2026-6617", false},
		{stdlib, "1.27.0", "GO-2026-6617", true},
		{stdlib, "1.27rc1", "GO-2026-6617", true},
		{stdlib, "1.27.2", "GO-2026-6617", false},
		{stdlib, "1.25.13", "GO-2026-6218", false},
		{stdlib, "1.26", "GO-2026-6218", true},
		{"github.com/golang-jwt/jwt/v5", "", "GO-2025-3553", true}, // a local replacement
	} {
		if got := slices.Contains(ids(db.scan(compiled(db, c.module, c.version))), c.id); got != c.found {
			t.Errorf("%s %s: %s is found: %v", c.module, c.version, c.id, got)
		}
	}
}

func TestM14_OnlyWhatIsCompiled(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	b := compiled(db, "golang.org/x/crypto", "v0.58.0")
	if got := ids(db.scan(b)); !slices.Equal(got, []string{"GO-2026-5932"}) {
		t.Errorf("with openpgp: %v", got)
	}
	b.Modules[0].Packages = map[string]bool{"golang.org/x/crypto/argon2": true}
	if got := ids(db.scan(b)); len(got) != 0 {
		t.Errorf("without openpgp: %v", got)
	}
}

// TestM14_Data: the list holds what it must at least, in order, and is not empty by mistake.
func TestM14_Data(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	if len(db.Entries) < 140 {
		t.Errorf("%d entries", len(db.Entries))
	}
	if !slices.IsSortedFunc(db.Entries, func(x, y entry) int { return strings.Compare(x.Module+" "+x.ID, y.Module+" "+y.ID) }) {
		t.Error("the entries are not sorted by module and identifier")
	}
	accepted, err := readAccepted(acceptedData, db)
	if err != nil {
		t.Fatal(err)
	}
	for key := range accepted {
		if strings.HasSuffix(key, " "+caddyModule) {
			t.Errorf("%s is accepted: Caddy is what stands at the edge", key)
		}
	}
}

func TestDatabase_Refuses(t *testing.T) {
	t.Parallel()
	const head, tail = `{"source":"s","as_of":"2026-11-05","entries":[`, `]}`
	good := `{"id":"GO-2026-1","module":"m","ranges":[{"introduced":"0","fixed":"1.0.0"},{"introduced":"1.1.0"}],"summary":"s"}`
	if _, err := readDatabase([]byte(head + good + tail)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"twice":           head + good + "," + good + tail,
		"no day":          strings.Replace(head, "2026-11-05", "yesterday", 1) + good + tail,
		"unknown member":  head + strings.Replace(good, `"module"`, `"modul":"x","module"`, 1) + tail,
		"no range":        head + `{"id":"GO-2026-1","module":"m","ranges":[],"summary":"s"}` + tail,
		"no summary":      head + strings.Replace(good, `"summary":"s"`, `"summary":""`, 1) + tail,
		"unknown id":      head + strings.Replace(good, "GO-2026-1", "X-1", 1) + tail,
		"no version":      head + strings.Replace(good, `"1.1.0"`, `"one"`, 1) + tail,
		"falling":         head + strings.Replace(good, `"1.1.0"`, `"0.9.0"`, 1) + tail,
		"fixed too early": head + strings.Replace(good, `"introduced":"0"`, `"introduced":"2.0.0"`, 1) + tail,
		"open in between": head + strings.Replace(good, `,"fixed":"1.0.0"`, ``, 1) + tail,
	} {
		if _, err := readDatabase([]byte(text)); err == nil {
			t.Errorf("%s: read", name)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	findings := db.scan(compiled(db, "github.com/golang-jwt/jwt/v5", "v5.2.1"))
	a := acceptance{ID: "GO-2025-3553", Module: "github.com/golang-jwt/jwt/v5", Reason: "five words and a reason"}
	key := a.ID + " " + a.Module
	goAccepted := map[string]acceptance{"GO-2026-6617 stdlib": {ID: "GO-2026-6617", Module: stdlib}}
	for _, c := range []struct {
		name     string
		findings []finding
		accepted map[string]acceptance
		clean    bool
		says     string
	}{
		{"nothing", nil, nil, true, ""},
		{"found", findings, nil, false, "GO-2025-3553 excessive memory allocation while parsing a header (fixed in 5.2.2)"},
		{"accepted", findings, map[string]acceptance{key: a}, true, "five words"},
		{"accepted for nothing", nil, map[string]acceptance{key: a}, false, "remove it"},
		{"accepted of an older Go", nil, goAccepted, true, ""},
	} {
		var out strings.Builder
		if clean := report(&out, c.findings, c.accepted); clean != c.clean || !strings.Contains(out.String(), c.says) {
			t.Errorf("%s: clean is %v: %s", c.name, clean, &out)
		}
	}
	if _, err := readAccepted([]byte(`[{"id":"GO-2025-3553","module":"github.com/golang-jwt/jwt/v5","reason":"why not"}]`), db); err == nil {
		t.Error("a reason that is none is taken")
	}
	if _, err := readAccepted([]byte(`[{"id":"GO-1999-1","module":"m","reason":"a reason of more than five words"}]`), db); err == nil {
		t.Error("an acceptance of nothing known is taken")
	}
}

func TestM14_LeastCaddy(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	for version, old := range map[string]bool{"v2.11.3": true, "v2.11.4": false, "v2.11.4-beta.1": true, "v2.12.0": false} {
		if got := tooOld(compiled(db, caddyModule, version)); (got != "") != old {
			t.Errorf("%s: %q", version, got)
		}
	}
}

// TestM14_ThisTree runs the check as lint does, with data that is fresh and with data that is not.
func TestM14_ThisTree(t *testing.T) {
	t.Parallel()
	db := shipped(t)
	var out strings.Builder
	clean, err := check(&out, "../..", db.asOf.Add(stale/2))
	if err != nil || !clean || strings.Contains(out.String(), "note:") {
		t.Errorf("clean is %v, %v: %s", clean, err, &out)
	}
	out.Reset()
	if clean, err := check(&out, "../..", db.asOf.Add(stale+48*time.Hour)); err != nil || !clean || !strings.Contains(out.String(), "92 days old") {
		t.Errorf("with old data clean is %v, %v: %s", clean, err, &out)
	}
}
