package portal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/gatehouse-auth/gatehouse/authcore"
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
				if got == want && len(want) > 6 {
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
	}, ".")
	for _, id := range rules {
		mark("rule." + id)
	}
	for _, c := range countedRules {
		mark("rule." + c.id)
	}
	for _, cause := range []string{"http", "cookies", "host", "clock", "guarded"} {
		mark("circle." + cause)
		mark("circle." + cause + ".text")
	}
	for _, title := range []string{"missing", "foreign", "unavailable", "internal", "slow_down", "refused"} {
		mark("error.title." + title)
	}
	for _, done := range []string{"sent", "reset_sent", "reset", "password", "registered", "profile", "sessions"} {
		mark("done." + done)
	}
	for _, why := range []string{"long", "broken", "own", "host", "http"} {
		mark("lost." + why)
	}
	for _, name := range []string{"first_name", "last_name", "username", "phone"} {
		mark("field." + name)
	}
	for _, code := range codes(t) {
		mark("error." + string(code))
	}
	inTemplate := regexp.MustCompile(`Say "([^"]+)"`)
	for _, name := range []string{"layout", "parts", "card", "account"} {
		raw, err := pageFiles.ReadFile("pages/" + name + ".html")
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

// codes returns every code of an error.
func codes(t *testing.T) []authcore.Code {
	t.Helper()
	tree, err := parser.ParseFile(token.NewFileSet(), "../../errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []authcore.Code
	ast.Inspect(tree, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
				text, _ := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
				found = append(found, authcore.Code(text))
			}
		}
		return true
	})
	if len(found) < 20 {
		t.Fatalf("only %d codes were found", len(found))
	}
	return found
}

// Every sentence by which a capability refuses a field has a text in each language.
func TestTexts_EveryRuleIsTranslated(t *testing.T) {
	t.Parallel()
	speech, err := newSpeech()
	if err != nil {
		t.Fatal(err)
	}
	german, found := speech.to("de"), 0
	// Sentences about a request as a whole have a code; these are shown by it.
	whole := regexp.MustCompile(`^(The code or link|Too many|Sign-up is|Show that|That is not the password|The e-mail address is not|The username or password|Send |Some fields|An account with|The refresh|This refresh|This account|The body|The member)`)
	sentence := regexp.MustCompile(`^[A-Z][^\n]*[a-z)8][.]$`)
	sources(t, func(file, text string) {
		if !sentence.MatchString(text) || whole.MatchString(text) {
			return
		}
		text = strings.ReplaceAll(text, "%d", "12")
		found++
		if got := german.rule(text); got == text {
			t.Errorf("%s: %q has no translation", file, text)
		}
	}, "../../account/identifier", "../../crypto/passpolicy", "../../account/enrol", "../../account/password", "../../account/profile", "../../account/signin")
	if found < 20 {
		t.Errorf("only %d sentences were found", found)
	}
	for _, raw := range []string{"password is too long", "password is not valid UTF-8"} { // newpassword makes sentences of them
		text := strings.ToUpper(raw[:1]) + raw[1:] + "."
		if german.rule(text) == text {
			t.Errorf("%q has no translation", text)
		}
	}
	if got := german.rule("Use at least 1 characters."); got != "Nehmen Sie mindestens 1 Zeichen." {
		t.Errorf("got %q", got)
	}
}

func TestTexts_LanguagesAreSpoken(t *testing.T) {
	t.Parallel()
	if entries, err := os.ReadDir("texts"); err != nil || len(entries) != len(languages) {
		t.Errorf("%d files of texts (%v), %d languages", len(entries), err, len(languages))
	}
	if _, err := New(Config{}); err == nil {
		t.Error("pages without anything are made")
	}
}
