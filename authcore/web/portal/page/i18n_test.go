package page

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

// read returns the texts of a language: id → plural form → text.
func read(t *testing.T, lang string) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	meta, err := toml.DecodeFS(textFiles, "texts/active."+lang+".toml", &all)
	if err != nil || len(meta.Undecoded()) > 0 || len(all) < 100 {
		t.Fatalf("%s: %d texts, %v %v", lang, len(all), meta.Undecoded(), err)
	}
	return all
}

var gap = regexp.MustCompile(`\{\{[^}]*\}\}`)

// Each language has every text, with the same places in it.
func TestTexts_EveryLanguageIsComplete(t *testing.T) {
	t.Parallel()
	english := read(t, "en")
	for _, lang := range languages[1:] {
		other := read(t, lang)
		for id := range other {
			if english[id] == nil {
				t.Errorf("%s has %s, English has not", lang, id)
			}
		}
		for id, forms := range english {
			for form, want := range forms {
				got := other[id][form]
				places, wanted := gap.FindAllString(got, -1), gap.FindAllString(want, -1)
				slices.Sort(places)
				slices.Sort(wanted)
				if strings.TrimSpace(got) == "" || !slices.Equal(places, wanted) {
					t.Errorf("%s, %s.%s: %q, in English %q", lang, id, form, got, want)
				}
				if got == want && len(want) > 6 && want != "Passkey" {
					t.Errorf("%s, %s.%s is not translated: %q", lang, id, form, got)
				}
			}
		}
	}
}

// sources calls f with every string of the non-test sources and templates in the folders.
func sources(t *testing.T, f func(file, text string), folders ...string) {
	t.Helper()
	for _, folder := range folders {
		files, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no sources (%v)", folder, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			tree, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(tree, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil {
						f(filepath.Base(name), text)
					}
				}
				return true
			})
		}
	}
}

// Every text that is asked for exists, and none is left over.
func TestTexts_AreThoseThatAreUsed(t *testing.T) {
	t.Parallel()
	english, used := read(t, "en"), map[string]bool{}
	mark := func(id string) {
		if english[id] == nil {
			t.Errorf("there is no text %s", id)
		}
		used[id] = true
	}
	sources(t, func(file, text string) {
		if english[text] != nil {
			used[text] = true
		}
	}, ".", "..")
	sources(t, func(file, text string) { // what the doctor finds is told here and on the command line
		if what := "finding." + text + ".what"; strings.HasPrefix(file, "doctor") && english[what] != nil {
			mark(what)
			mark("finding." + text + ".do")
		}
	}, "../../../../caddymodule")
	for _, rule := range constants[authcore.Rule](t, "../../../rules.go") {
		if rule != authcore.SessionSelector && rule != authcore.SessionIDInvalid && rule != authcore.DeviceIDInvalid { // no page has their fields
			mark("rule." + string(rule))
		}
	}
	for _, status := range []authcore.InvitationStatus{authcore.InvitationPending, authcore.InvitationUsed, authcore.InvitationRevoked, authcore.InvitationExpired} {
		mark("invitations.status." + string(status))
	}
	for _, method := range audit.Methods() {
		mark("console.way." + method)
	}
	for _, state := range []string{stats.NodeReady, stats.NodeUnready, stats.NodeLost} {
		mark("console.node.state." + state)
	}
	for _, kind := range block.Kinds() {
		mark("console.block.kind." + string(kind))
	}
	for _, act := range block.Acts() {
		mark("console.block.for." + string(act))
	}
	for _, source := range []block.Source{block.FromCaddyfile, block.FromRuntime, block.FromTrap} {
		mark("console.block.source." + string(source))
	}
	for _, word := range []string{"expires_in", "hour", "day", "week", "month", "year"} {
		mark("console.block." + word)
	}
	for _, word := range []string{"source.default", "source.caddyfile", "source.runtime"} {
		mark("console.setting." + word)
	}
	for _, word := range []string{"state.next", "state.active", "state.retired", "use.bearer", "use.cookie"} {
		mark("console.key." + word)
	}
	for _, word := range []string{"explain.allow", "explain.login", "explain.deny", "explain.unavailable", "explain.method", "explain.url", "explain.user", "explain.token", "explain.ip", "explain.headers",
		"finding.error", "finding.warning", "finding.info", "part.database", "part.mail", "part.sms", "part.redis"} {
		mark("console." + word)
	}
	for _, cause := range []string{"http", "cookies", "host", "clock", "guarded"} {
		mark("redirectloop." + cause)
		mark("redirectloop." + cause + ".text")
	}
	for _, kind := range secure.Kinds() {
		mark("secure.undone." + string(kind))
		mark("secure.undone." + string(kind) + ".text")
	}
	for _, will := range []string{"sessions", "changes", "password"} {
		mark("secure.will." + will)
		mark("secure.will." + will + ".text")
	}
	for _, title := range []string{"missing", "foreign", "unavailable", "internal", "slow_down", "refused"} {
		mark("error.title." + title)
	}
	for _, method := range []string{"email", "sms", "totp", "recovery", "password", "passkey", "security_key"} {
		mark("mfa.intro." + method)
		mark("mfa.use." + method)
	}
	for _, typed := range []string{"totp", "recovery"} {
		mark("error.wrong_code." + typed)
	}
	for _, kind := range []string{"passkey", "security_key"} {
		for _, id := range []string{"factors.add." + kind, "factors.add." + kind + ".intro", "factors.add." + kind + ".button", "factors.confirm." + kind} {
			mark(id)
		}
	}
	mark("done." + notSaved)
	for _, method := range audit.Methods() {
		mark("history.method." + method)
	}
	for _, kind := range notice.Optional() {
		mark("notifications." + string(kind))
		mark("notifications." + string(kind) + ".hint")
	}
	for _, what := range []string{"code", "link"} {
		mark("login.otp." + what)
		mark("otp.intro." + what)
	}
	mark("done.code_sent")
	for _, done := range doneWords(t) {
		mark("done." + done)
	}
	for _, why := range []string{"long", "broken", "own", "host", "http"} {
		mark("lost." + why)
	}
	for _, name := range []string{"first_name", "last_name", "username", "phone", "password", "new_password", "current_password", "forget", "enable_2fa", "name", "locale", "role", "roles", "disabled_reason", "send"} {
		mark("field." + name)
	}
	for _, code := range constants[authcore.Code](t, "../../../errors.go") {
		mark("error." + string(code))
	}
	inTemplate := regexp.MustCompile(`Say "([^"]+)"`)
	pages, _ := filepath.Glob("../*.html")
	for _, name := range append(pages, "assets/layout.html", "assets/parts.html", "assets/view.html") {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inTemplate.FindAllStringSubmatch(string(raw), -1) {
			mark(m[1])
		}
	}
	for id := range english {
		if !used[id] {
			t.Errorf("nothing uses %s", id)
		}
	}
}

// doneWords returns what the pages say with [Request.Done].
func doneWords(t *testing.T) (words []string) {
	t.Helper()
	files, _ := filepath.Glob("../*.go")
	call := regexp.MustCompile(`\.Done\([^,]+, "([^"]+)"\)`)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(raw), -1) {
			words = append(words, m[1])
		}
	}
	return words
}

// constants returns every constant of a type in a file.
func constants[T ~string](t *testing.T, file string) []T {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []T
	ast.Inspect(tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == reflect.TypeFor[T]().Name() {
				text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				found = append(found, T(text))
			}
		}
		return true
	})
	if len(found) < 20 {
		t.Fatalf("only %d constants were found in %s", len(found), file)
	}
	return found
}

// A rule about a number is told with it, in the plural that the language has for it.
func TestTexts_RulesWithANumber(t *testing.T) {
	t.Parallel()
	texts, err := readTexts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		lang, want string
		rule       authcore.Rule
		n          int
	}{
		{"en", "Use at least 1 character.", authcore.PasswordTooShort, 1},
		{"en", "The username is too long: at most 32 characters.", authcore.UsernameTooLong, 32},
		{"de", "Der Benutzername ist zu kurz: mindestens 3 Zeichen.", authcore.UsernameTooShort, 3},
		{"de", "Bitte ausfüllen.", authcore.Required, 0},
		{"de", "Send ids of sessions.", authcore.SessionIDInvalid, 0}, // better in English than not at all
	} {
		if got := texts[c.lang].Rule(authcore.FieldError{Rule: c.rule, Params: authcore.Params{N: c.n}}); got != c.want {
			t.Errorf("%s, %s: %q, want %q", c.lang, c.rule, got, c.want)
		}
	}
	for _, rule := range constants[authcore.Rule](t, "../../../rules.go") {
		wants := strings.Contains(authcore.FieldError{Rule: rule, Params: authcore.Params{N: 1234}}.Error(), "1234")
		if own := strings.Contains(read(t, "en")["rule."+string(rule)]["other"], "{{.N}}"); own != wants && rule != authcore.SessionSelector {
			t.Errorf("%s: a number in the API's text: %t, in the pages': %t", rule, wants, own)
		}
	}
}

func TestTexts_LanguagesAreSpoken(t *testing.T) {
	t.Parallel()
	if entries, err := os.ReadDir("texts"); err != nil || len(entries) != len(languages) {
		t.Errorf("%d files of texts (%v), %d languages", len(entries), err, len(languages))
	}
}
