package authcore_test

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const projectPath = "github.com/gatehouse-auth/gatehouse"

// importLine is one import of one file. Folder and file are relative to the root of the project.
type importLine struct {
	folder string
	file   string
	line   int
	test   bool // the file is a _test.go file
	path   string
}

// layer rules: what a file's import must not be, and why. An empty answer lets it pass.
var layerRules = []func(importLine) string{
	foreignImports, testSupport, caddymoduleIsTheTop, wingsLookDown, adaptersStandAlone, transportsStandAlone, leavesKnowNobody, rootKnowsLeaves,
}

var (
	// wings are the folders of authcore, and for each the wings its packages may import besides the root.
	wings = map[string][]string{
		"crypto":   {"crypto"},
		"account":  {"crypto", "account"},
		"edge":     {"crypto", "account", "edge"},
		"platform": {"crypto", "account", "platform"},
		"web":      {"crypto", "account", "edge", "web"},
		"gateway":  {"crypto", "account", "edge", "platform", "web", "gateway"},
	}
	// adapters never import each other, but for the connection to Redis that two of them have in common.
	adapters = []string{
		"authcore/platform/sqlstore", "authcore/platform/redisfeed", "authcore/platform/ratelimit", "authcore/platform/lockout",
		"authcore/platform/notify",
	}

	// links are what adapters stand on: the connections to the databases and to Redis.
	links = []string{"authcore/platform/sqldb", "authcore/platform/redislink"}

	topLevelFolders = []string{"cmd", "caddymodule", "authcore", "internal", "bench", "tools", "examples", "docs", ".ci"}
	// productFolders are not part of the source: what make, git and the gateway itself write.
	productFolders = []string{".git", "bin", ".gatehouse"}
)

// homes says where a foreign package may be imported. Tests from outside the process (internal/e2e)
// look at everything and are free.
var homes = []struct {
	packages []string // each stands for what lies below it too
	folders  []string
	tests    bool // test files anywhere may, too
	reason   string
}{
	{
		[]string{"github.com/caddyserver/caddy/v2"}, []string{"caddymodule", "cmd"}, false,
		"the core does not know Caddy: only caddymodule and cmd import it",
	},
	{
		[]string{"database/sql", "github.com/jackc/pgx/v5", "modernc.org/sqlite", "github.com/pressly/goose/v3"},
		[]string{"authcore/platform/sqldb", "internal/testpg"}, false,
		"only authcore/platform/sqldb has the drivers of the databases",
	},
	{
		[]string{projectPath + "/authcore/platform/sqldb"}, []string{"authcore/platform/sqlstore", "caddymodule", "internal"}, true,
		"only authcore/platform/sqlstore writes SQL",
	},
	{
		[]string{"github.com/golang-jwt/jwt/v5"}, []string{"authcore/crypto/jwtkeys"}, false,
		"only authcore/crypto/jwtkeys signs and parses tokens",
	},
	{
		[]string{"github.com/go-webauthn"}, []string{"authcore/crypto/webauthn"}, false,
		"only authcore/crypto/webauthn judges passkeys and security keys",
	},
	{
		[]string{"github.com/redis/go-redis/v9"},
		[]string{"authcore/platform/redislink", "internal/testredis"}, false,
		"only authcore/platform/redislink speaks to Redis, so that all that a user there must be allowed is in one place",
	},
	{
		[]string{projectPath + "/authcore/platform/redislink"},
		[]string{"authcore/platform/redislink", "authcore/platform/redisfeed", "authcore/platform/ratelimit", "caddymodule"}, false,
		"connections to Redis are for its adapters; caddymodule makes them",
	},
	{
		[]string{"net/http"},
		[]string{
			"authcore/edge/sanitize", "authcore/edge/liveconn", "authcore/edge/access", "authcore/edge/httpauth", "authcore/edge/guard", "authcore/edge/honeytrap",
			"authcore/web/httpapi", "authcore/web/portal", "authcore/web/dialect",
			"authcore/account/federated", "authcore/platform/notify", "caddymodule", "cmd", "internal",
		},
		true,
		"the domain takes values, not requests: only what judges whole requests and answers (edge), httpapi, portal, federated, notify and caddymodule know HTTP",
	},
}

// looksBehind is the package whose tests look at what is stored past the store, as those of internal/e2e do.
const looksBehind = "authcore/platform/sqlstore"

func foreignImports(i importLine) string {
	if within(i.folder, "internal/e2e") || i.test && i.folder == looksBehind {
		return ""
	}
	for _, home := range homes {
		owned := func(p string) bool { return within(i.path, p) }
		lives := func(f string) bool { return within(i.folder, f) }
		if slices.ContainsFunc(home.packages, owned) && !slices.ContainsFunc(home.folders, lives) && !(home.tests && i.test) {
			return home.reason
		}
	}
	return ""
}

// testSupport keeps packages made for tests (internal/…, the suites storetest, revoketest …) out of
// the product.
func testSupport(i importLine) string {
	if i.test || isSuite(i.folder) || within(i.folder, "internal") {
		return ""
	}
	imported, ours := projectFolder(i.path)
	if i.path == "testing" || ours && (isSuite(imported) || strings.HasPrefix(imported, "internal/test") || imported == "internal/gatehousetest") {
		return "the product does not import what is made for tests"
	}
	return ""
}

func caddymoduleIsTheTop(i importLine) string {
	imported, ours := projectFolder(i.path)
	if !ours || !within(imported, "caddymodule") || within(i.folder, "caddymodule") ||
		within(i.folder, "cmd") || within(i.folder, "internal/e2e") {
		return ""
	}
	return "arrows point down: nothing but cmd imports caddymodule"
}

// wingsLookDown is for what is in the wings. Tests run on real adapters.
func wingsLookDown(i importLine) string {
	own, imported := wing(i.folder), importedWing(i)
	below, known := wings[own]
	if i.test || !known || imported == "" || slices.Contains(below, imported) {
		return ""
	}
	return fmt.Sprintf("arrows point down: authcore/%s imports no package of authcore/%s", own, imported)
}

func adaptersStandAlone(i importLine) string {
	imported, ours := projectFolder(i.path)
	if i.test || !ours || imported == i.folder || !slices.Contains(adapters, imported) {
		return ""
	}
	switch {
	case slices.Contains(adapters, i.folder):
		return "adapters never import each other"
	case slices.Contains(links, i.folder):
		return "what carries an adapter does not know it"
	case isSuite(i.folder):
		return "a suite holds any adapter to account, and names none"
	}
	return ""
}

// transportsStandAlone: what two transports share is a rule about requests (edge) or a flow (account).
func transportsStandAlone(i importLine) string {
	imported, ours := projectFolder(i.path)
	if i.test || !ours || wing(i.folder) != "web" || wing(imported) != "web" || transport(i.folder) == transport(imported) {
		return ""
	}
	return "transports never import each other"
}

func transport(folder string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(folder, "authcore/web/"), "/")
	return name
}

func leavesKnowNobody(i importLine) string {
	imported, ours := projectFolder(i.path)
	if wing(i.folder) != "crypto" || !ours || within(imported, i.folder) || imported == "authcore/crypto/secret" ||
		i.test && within(imported, "internal") {
		return ""
	}
	return "the packages of authcore/crypto import nothing of the project but secret"
}

func rootKnowsLeaves(i importLine) string {
	if i.folder != "authcore" || i.test {
		return ""
	}
	first, _, _ := strings.Cut(i.path, "/")
	standard := !strings.Contains(first, ".")
	allowed := func(p string) bool { return within(i.path, p) }
	if standard || importedWing(i) == "crypto" ||
		slices.ContainsFunc([]string{"github.com/google/uuid", "golang.org/x/text", "golang.org/x/net"}, allowed) {
		return ""
	}
	return "the domain imports the standard library, uuid, x/text, x/net and its leaves only"
}

func within(name, parent string) bool {
	return name == parent || strings.HasPrefix(name, parent+"/")
}

// projectFolder turns the import path of a package of the project into its folder.
func projectFolder(importPath string) (folder string, ours bool) {
	return strings.CutPrefix(importPath, projectPath+"/")
}

// wing is the first folder below authcore, empty elsewhere.
func wing(folder string) string {
	below, found := strings.CutPrefix(folder, "authcore/")
	if !found {
		return ""
	}
	first, _, _ := strings.Cut(below, "/")
	return first
}

func importedWing(i importLine) string {
	folder, ours := projectFolder(i.path)
	if !ours {
		return ""
	}
	return wing(folder)
}

func isSuite(folder string) bool {
	return within(folder, "authcore") && strings.HasSuffix(folder, "test")
}

func layerViolations(lines []importLine) []string {
	var found []string
	for _, i := range lines {
		for _, rule := range layerRules {
			if reason := rule(i); reason != "" {
				found = append(found, fmt.Sprintf("%s:%d imports %s: %s", i.file, i.line, i.path, reason))
			}
		}
	}
	return found
}

// readImports reads every Go file of the main module. It parses rather than asks the go command, so
// that files behind build tags count and a finding has a line.
func readImports(root string) ([]importLine, error) {
	var lines []importLine
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, notNested := os.Stat(filepath.Join(root, name, "go.mod"))
			if slices.Contains(productFolders, name) || entry.Name() == "testdata" || name != "." && notNested == nil {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, filepath.Join(root, name), nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			lines = append(lines, importLine{
				folder: path.Dir(name), file: name, line: files.Position(spec.Pos()).Line,
				test: strings.HasSuffix(name, "_test.go"), path: imported,
			})
		}
		return nil
	})
	return lines, err
}

func TestLayers_NoImportPointsUp(t *testing.T) {
	t.Parallel()
	lines, err := readImports("..")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(lines, func(i importLine) bool { return i.file == "authcore/layering_test.go" }) {
		t.Fatalf("the walk did not find this file among %d imports", len(lines))
	}
	for _, violation := range layerViolations(lines) {
		t.Error(violation)
	}
}

func TestLayers_TopLevelFoldersAreTheKnownOnes(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !slices.Contains(topLevelFolders, e.Name()) && !slices.Contains(productFolders, e.Name()) {
			t.Errorf("folder %s/ is none of %s: a reader knows the house from its first listing", e.Name(),
				strings.Join(topLevelFolders, " "))
		}
	}
}

func TestLayers_CoreHasNothingButItsWings(t *testing.T) {
	t.Parallel()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, known := wings[e.Name()]; e.IsDir() && !known {
			t.Errorf("authcore/%s is no wing: a package stands in one", e.Name())
		}
	}
}

func TestLayers_RulesFindWhatTheyForbid(t *testing.T) {
	t.Parallel()
	core := projectPath + "/authcore"
	for _, c := range []struct {
		file, imports string
		refused       bool
	}{
		{"caddymodule/guard.go", "github.com/caddyserver/caddy/v2", false},
		{"cmd/gatehouse/main.go", "github.com/caddyserver/caddy/v2/cmd", false},
		{"internal/e2e/guard_test.go", "github.com/caddyserver/caddy/v2/caddytest", false},
		{"authcore/web/httpapi/login.go", "github.com/caddyserver/caddy/v2/modules/caddyhttp", true},
		{"authcore/account/session/session_test.go", "github.com/caddyserver/caddy/v2", true},
		{"authcore/platform/sqldb/postgres.go", "github.com/jackc/pgx/v5/pgxpool", false},
		{"authcore/platform/sqlstore/users.go", "github.com/jackc/pgx/v5/pgxpool", true},
		{"authcore/platform/sqlstore/users_test.go", "github.com/jackc/pgx/v5", false},
		{"authcore/platform/sqlstore/users.go", core + "/platform/sqldb", false},
		{"authcore/platform/notify/worker.go", core + "/platform/sqldb", true},
		{"authcore/platform/sqldb/open.go", core + "/platform/sqlstore", true},
		{"internal/testpg/database.go", "github.com/jackc/pgx/v5", false},
		{"caddymodule/app.go", "github.com/jackc/pgx/v5/pgxpool", true},
		{"authcore/account/session/session.go", "database/sql", true},
		{"authcore/edge/revocation/database.go", "modernc.org/sqlite", true},
		{"caddymodule/migrate.go", "github.com/pressly/goose/v3", true},
		{"authcore/crypto/jwtkeys/sign.go", "github.com/golang-jwt/jwt/v5", false},
		{"authcore/edge/accesstoken/verifier.go", "github.com/golang-jwt/jwt/v5", true},
		{"authcore/platform/redislink/commands.go", "github.com/redis/go-redis/v9", false},
		{"authcore/platform/ratelimit/redis.go", "github.com/redis/go-redis/v9", true},
		{"authcore/edge/revocation/set.go", "github.com/redis/go-redis/v9", true},
		{"authcore/platform/redisfeed/read.go", core + "/platform/redislink", false},
		{"authcore/platform/redisfeed/read.go", core + "/edge/revocation", true},
		{"authcore/account/session/end.go", core + "/platform/redislink", true},
		{"caddymodule/app.go", "github.com/redis/go-redis/v9", true},
		{"authcore/web/httpapi/login.go", "net/http", false},
		{"authcore/crypto/jwtkeys/attack_test.go", "net/http/httptest", false},
		{"authcore/edge/accesstoken/credential.go", "net/http", true},
		{"authcore/edge/sanitize/strip.go", "net/http", false},
		{"authcore/edge/httpauth/origin.go", "net/http", false},
		{"authcore/edge/httpauth/renew.go", core + "/account/session", false},
		{"authcore/edge/httpauth/renew.go", core + "/web/httpapi", true},
		{"authcore/account/session/refresh.go", core + "/edge/httpauth", true},
		{"authcore/edge/sanitize/strip.go", "github.com/caddyserver/caddy/v2/modules/caddyhttp", true},
		{"authcore/account.go", "net/http", true},
		{"authcore/platform/storetest/suite.go", "testing", false},
		{"authcore/account/session/session.go", "testing", true},
		{"authcore/account/session/session.go", core + "/platform/storetest", true},
		{"authcore/platform/sqlstore/open.go", projectPath + "/internal/testpg", true},
		{"authcore/platform/sqlstore/open_test.go", projectPath + "/internal/testpg", false},
		{"cmd/gatehouse/main.go", projectPath + "/caddymodule", false},
		{"authcore/web/portal/pages.go", projectPath + "/caddymodule", true},
		{"authcore/platform/notify/worker.go", core + "/platform/sqlstore", true},
		{"authcore/platform/notify/worker_test.go", core + "/platform/sqlstore", false},
		{"authcore/account/federated/callback.go", core + "/web/httpapi", true},
		{"authcore/platform/sqlstore/users.go", core, false},
		{"authcore/web/portal/pages.go", core + "/platform/sqlstore", true},
		{"authcore/web/portal/pages.go", core + "/account/session", false},
		{"authcore/web/portal/pages.go", core + "/web/portal/apidocs", false},
		{"authcore/web/portal/pages.go", core + "/web/httpapi", true},
		{"authcore/web/portal/testenv_test.go", core + "/web/httpapi", false},
		{"caddymodule/app.go", core + "/platform/sqlstore", false},
		{"authcore/account/signin/login.go", core + "/platform/ratelimit", true},
		{"authcore/account/signin/login.go", core + "/web/httpapi", true},
		{"authcore/account/signin/login.go", core + "/account/session", false},
		{"authcore/account/signin/login_test.go", core + "/platform/sqlstore", false},
		{"authcore/platform/storetest/suite.go", core + "/platform/sqlstore", true},
		{"authcore/crypto/jwtkeys/keys.go", core + "/crypto/secret", false},
		{"authcore/crypto/jwtkeys/keys.go", core, true},
		{"authcore/crypto/secret/seal_test.go", core, true},
		{"authcore/crypto/passhash/hasher_test.go", core + "/crypto/passhash", false},
		{"authcore/crypto/passhash/hasher.go", core + "/crypto/passpolicy", true},
		{"authcore/account.go", "github.com/google/uuid", false},
		{"authcore/account.go", "golang.org/x/text/unicode/norm", false},
		{"authcore/account.go", core + "/crypto/secret", false},
		{"authcore/account.go", core + "/account/session", true},
		{"authcore/account.go", "go.uber.org/zap", true},
	} {
		i := importLine{folder: path.Dir(c.file), file: c.file, line: 3, test: strings.HasSuffix(c.file, "_test.go"), path: c.imports}
		if found := layerViolations([]importLine{i}); (len(found) > 0) != c.refused {
			t.Errorf("%s importing %s: refused = %t, want %t: %q", c.file, c.imports, !c.refused, c.refused, found)
		}
	}
}
