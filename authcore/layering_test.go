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
	foreignImports, testSupport, caddymoduleIsTheTop, adaptersStandAlone, transportsNameNoAdapter,
	capabilitiesLookDown, leavesKnowNobody, rootKnowsLeaves,
}

var (
	layerLeaves     = []string{"secret", "passhash", "passpolicy", "jwtkeys"}
	layerAdapters   = []string{"sqlstore", "revocation", "redisfeed", "throttle", "notify", "federated"}
	layerTransports = []string{"httpapi", "portal"}

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
		[]string{"authcore/sqlstore", "internal/testpg"}, false,
		"only authcore/sqlstore writes SQL",
	},
	{
		[]string{"github.com/golang-jwt/jwt/v5"}, []string{"authcore/jwtkeys"}, false,
		"only authcore/jwtkeys signs and parses tokens",
	},
	{
		[]string{"github.com/redis/go-redis/v9"},
		[]string{"authcore/redislink", "internal/testredis"}, false,
		"only authcore/redislink speaks to Redis, so that all that a user there must be allowed is in one place",
	},
	{
		[]string{projectPath + "/authcore/redislink"},
		[]string{"authcore/redislink", "authcore/redisfeed", "authcore/throttle", "caddymodule"}, false,
		"connections to Redis are for its adapters; caddymodule makes them",
	},
	{
		[]string{"net/http"},
		[]string{"authcore/httpapi", "authcore/portal", "authcore/federated", "authcore/notify", "caddymodule", "cmd", "internal"},
		true,
		"the domain takes values, not requests: only httpapi, portal, federated, notify and caddymodule know HTTP",
	},
}

func foreignImports(i importLine) string {
	if within(i.folder, "internal/e2e") {
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
	if i.path == "testing" || ours && (isSuite(imported) || strings.HasPrefix(imported, "internal/test")) {
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

func adaptersStandAlone(i importLine) string {
	own, imported := coreFolder(i.folder), importedCore(i)
	if i.test || !slices.Contains(layerAdapters, own) {
		return ""
	}
	if imported != own && slices.Contains(layerAdapters, imported) {
		return "adapters never import each other"
	}
	if slices.Contains(layerTransports, imported) {
		return "adapters implement ports of authcore and know no transport"
	}
	return ""
}

func transportsNameNoAdapter(i importLine) string {
	if !i.test && slices.Contains(layerTransports, coreFolder(i.folder)) && slices.Contains(layerAdapters, importedCore(i)) {
		return "only caddymodule names concrete adapters"
	}
	return ""
}

// capabilitiesLookDown is for every package below authcore that is nothing else. Their tests run on
// real adapters.
func capabilitiesLookDown(i importLine) string {
	own, imported := coreFolder(i.folder), importedCore(i)
	if own == "" || i.test || slices.Contains(layerLeaves, own) || slices.Contains(layerAdapters, own) ||
		slices.Contains(layerTransports, own) {
		return ""
	}
	if slices.Contains(layerAdapters, imported) {
		return "capabilities see adapters through the ports of authcore only"
	}
	if slices.Contains(layerTransports, imported) {
		return "arrows point down: capabilities know no transport"
	}
	return ""
}

func leavesKnowNobody(i importLine) string {
	own := coreFolder(i.folder)
	imported, ours := projectFolder(i.path)
	if !slices.Contains(layerLeaves, own) || !ours || within(imported, i.folder) || imported == "authcore/secret" ||
		i.test && within(imported, "internal") {
		return ""
	}
	return "leaves import nothing of the project but secret"
}

func rootKnowsLeaves(i importLine) string {
	if i.folder != "authcore" || i.test {
		return ""
	}
	first, _, _ := strings.Cut(i.path, "/")
	standard := !strings.Contains(first, ".")
	allowed := func(p string) bool { return within(i.path, p) }
	if standard || slices.Contains(layerLeaves, importedCore(i)) ||
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

// coreFolder is the first folder below authcore, empty elsewhere.
func coreFolder(folder string) string {
	below, found := strings.CutPrefix(folder, "authcore/")
	if !found {
		return ""
	}
	first, _, _ := strings.Cut(below, "/")
	return first
}

func importedCore(i importLine) string {
	folder, ours := projectFolder(i.path)
	if !ours {
		return ""
	}
	return coreFolder(folder)
}

func isSuite(folder string) bool {
	return within(folder, "authcore") && strings.HasSuffix(coreFolder(folder), "test")
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
		{"authcore/httpapi/login.go", "github.com/caddyserver/caddy/v2/modules/caddyhttp", true},
		{"authcore/session/session_test.go", "github.com/caddyserver/caddy/v2", true},
		{"authcore/sqlstore/users.go", "github.com/jackc/pgx/v5/pgxpool", false},
		{"internal/testpg/database.go", "github.com/jackc/pgx/v5", false},
		{"caddymodule/app.go", "github.com/jackc/pgx/v5/pgxpool", true},
		{"authcore/session/session.go", "database/sql", true},
		{"authcore/revocation/database.go", "modernc.org/sqlite", true},
		{"caddymodule/migrate.go", "github.com/pressly/goose/v3", true},
		{"authcore/jwtkeys/sign.go", "github.com/golang-jwt/jwt/v5", false},
		{"authcore/edge/verifier.go", "github.com/golang-jwt/jwt/v5", true},
		{"authcore/redislink/commands.go", "github.com/redis/go-redis/v9", false},
		{"authcore/throttle/redis.go", "github.com/redis/go-redis/v9", true},
		{"authcore/revocation/set.go", "github.com/redis/go-redis/v9", true},
		{"authcore/redisfeed/read.go", core + "/redislink", false},
		{"authcore/redisfeed/read.go", core + "/revocation", true},
		{"authcore/session/end.go", core + "/redislink", true},
		{"caddymodule/app.go", "github.com/redis/go-redis/v9", true},
		{"authcore/httpapi/login.go", "net/http", false},
		{"authcore/jwtkeys/attack_test.go", "net/http/httptest", false},
		{"authcore/edge/credential.go", "net/http", true},
		{"authcore/account.go", "net/http", true},
		{"authcore/storetest/suite.go", "testing", false},
		{"authcore/session/session.go", "testing", true},
		{"authcore/session/session.go", core + "/storetest", true},
		{"authcore/sqlstore/open.go", projectPath + "/internal/testpg", true},
		{"authcore/sqlstore/open_test.go", projectPath + "/internal/testpg", false},
		{"cmd/gatehouse/main.go", projectPath + "/caddymodule", false},
		{"authcore/portal/pages.go", projectPath + "/caddymodule", true},
		{"authcore/notify/worker.go", core + "/sqlstore", true},
		{"authcore/notify/worker_test.go", core + "/sqlstore", false},
		{"authcore/federated/callback.go", core + "/httpapi", true},
		{"authcore/sqlstore/users.go", core, false},
		{"authcore/portal/pages.go", core + "/sqlstore", true},
		{"authcore/portal/pages.go", core + "/session", false},
		{"caddymodule/app.go", core + "/sqlstore", false},
		{"authcore/signin/login.go", core + "/throttle", true},
		{"authcore/signin/login.go", core + "/httpapi", true},
		{"authcore/signin/login.go", core + "/session", false},
		{"authcore/signin/login_test.go", core + "/sqlstore", false},
		{"authcore/storetest/suite.go", core + "/sqlstore", true},
		{"authcore/jwtkeys/keys.go", core + "/secret", false},
		{"authcore/jwtkeys/keys.go", core, true},
		{"authcore/secret/seal_test.go", core, true},
		{"authcore/passhash/hasher_test.go", core + "/passhash", false},
		{"authcore/passhash/hasher.go", core + "/passpolicy", true},
		{"authcore/account.go", "github.com/google/uuid", false},
		{"authcore/account.go", "golang.org/x/text/unicode/norm", false},
		{"authcore/account.go", core + "/secret", false},
		{"authcore/account.go", core + "/session", true},
		{"authcore/account.go", "go.uber.org/zap", true},
	} {
		i := importLine{folder: path.Dir(c.file), file: c.file, line: 3, test: strings.HasSuffix(c.file, "_test.go"), path: c.imports}
		if found := layerViolations([]importLine{i}); (len(found) > 0) != c.refused {
			t.Errorf("%s importing %s: refused = %t, want %t: %q", c.file, c.imports, !c.refused, c.refused, found)
		}
	}
}
