package caddymodule

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// documented is one word of the configuration: where docs/configuration.md has it and which test shows its effect.
type documented struct {
	chapter string // second-level heading
	heading string // third-level heading, without backquotes
	row     string // first cell of a table row under the heading, "" for the heading itself
	test    string // "" where the effect is that of the option above
}

// documentedOptions walks the tables the parser works by.
func documentedOptions() []documented {
	const global, guard = "Global options", "`gatehouse_guard`"
	inner := map[string][]string{
		"redis":       optionNames(redisOptions),
		"phone":       optionNames(phoneOptions),
		"otp":         optionNames(otpOptions),
		"signup":      optionNames(signupOptions),
		"user_field":  optionNames(userFieldOptions),
		"password":    optionNames(passwordOptions),
		"invitations": optionNames(invitationOptions),
		"retention":   optionNames(retentionOptions),
		"provider":    append(optionNames(oidcOptions), "base_url", "team_id", "key_id", "private_key"),
		"lockout":     append(optionNames(lockoutOptions), "off"),
	}
	var all []documented
	for _, o := range globalOptions {
		words, block := inner[o.name]
		option := documented{chapter: global, heading: o.name, test: "TestOption_" + o.name}
		if block {
			option.test = ""
		}
		if o.name == "signup" || o.name == "user_field" {
			option.test = "TestOption_" + o.name
		}
		all = append(all, option)
		for _, w := range words {
			all = append(all, documented{global, o.name, w, "TestOption_" + o.name + "_" + w})
		}
	}
	for _, o := range passkeyOptions {
		all = append(all, documented{global, "passkeys", o.name, "TestOption_passkeys"})
	}
	for _, o := range trapOptions {
		all = append(all, documented{global, "honey_trap", o.name, "TestOption_honey_trap"})
	}
	for _, o := range smtpOptions {
		all = append(all, documented{global, "mail", o.name, "TestOption_mail_smtp_" + o.name})
	}
	for _, o := range twilioOptions {
		all = append(all, documented{global, "sms", o.name, "TestOption_sms_twilio"})
	}
	for _, o := range webhookOptions {
		all = append(all, documented{global, "sms", o.name, "TestOption_sms_webhook"})
	}
	for _, name := range limitBases {
		all = append(all, documented{global, "rate_limit", name, ""})
	}
	for _, o := range guardOptions {
		option := documented{chapter: guard, heading: o.name, test: "TestOption_guard_" + o.name}
		if o.name == "require" {
			option.test = ""
		}
		all = append(all, option)
	}
	for _, o := range constanceOptions {
		all = append(all, documented{"`gatehouse_dialect`", o.name, "", "TestOption_dialect_" + o.name})
	}
	for _, o := range ownSimplejwtOptions {
		all = append(all, documented{"`simplejwt`", o.name, "", "TestOption_simplejwt_" + o.name})
	}
	for _, o := range ownDFAuthOptions {
		all = append(all, documented{"`df_auth`", o.name, "", "TestOption_df_auth_" + o.name})
	}
	for _, o := range drfUsersOptions {
		all = append(all, documented{"`drf_users`", o.name, "", "TestOption_drf_users_" + o.name})
	}
	for _, kind := range ruleKinds {
		all = append(all, documented{guard, "require", kind, "TestOption_guard_require_" + kind})
	}
	for _, family := range headerFamilies {
		all = append(all, documented{guard, "headers", family, ""})
	}
	return append(all, documented{"`gatehouse`", "prefix", "", "TestOption_portal_prefix"})
}

// TestOptionsDocumented: each option is a heading of the manual, or a table row under one.
func TestOptionsDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range documentedOptions() {
		chapter, ok := section(string(text), "## ", o.chapter)
		if !ok {
			t.Fatalf("docs/configuration.md has no chapter %s", o.chapter)
		}
		part, ok := section(chapter, "### ", "`"+o.heading+"`")
		if !ok {
			t.Errorf("docs/configuration.md, %s: there is no heading `%s`", o.chapter, o.heading)
			continue
		}
		if o.row != "" && !strings.Contains(part, "\n| `"+o.row+"` |") && !strings.Contains(part, "\n| `"+o.row+" ") {
			t.Errorf("docs/configuration.md, %s, %s: there is no table row `%s`", o.chapter, o.heading, o.row)
		}
	}
}

// TestManualNamesNoOtherOptions: what the manual calls an option is one.
func TestManualNamesNoOtherOptions(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	all := documentedOptions()
	for _, m := range regexp.MustCompile("(?m)^### `([^`]+)`").FindAllStringSubmatch(string(text), -1) {
		if !slices.ContainsFunc(all, func(o documented) bool { return o.heading == m[1] }) {
			t.Errorf("docs/configuration.md describes %s, which is no option", m[1])
		}
	}
}

// section returns what stands between a heading of the given level and the next of the same or a higher level.
func section(text, level, title string) (string, bool) {
	_, rest, found := strings.Cut("\n"+text, "\n"+level+title+"\n")
	if !found {
		return "", false
	}
	end := len(rest)
	for l := level; len(l) > len("# "); l = l[1:] {
		if i := strings.Index(rest, "\n"+l); i >= 0 && i < end {
			end = i
		}
	}
	return "\n" + rest[:end], true
}

// TestOptionsTested: each option has a test of its effect, by name, somewhere in the tree.
func TestOptionsTested(t *testing.T) {
	t.Parallel()
	tests, err := testFunctions("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range documentedOptions() {
		if o.test != "" && !tests[o.test] {
			t.Errorf("no test shows the effect of %s %s: write func %s", o.heading, o.row, o.test)
		}
	}
}

// testFunctions returns the names of the functions TestOption_… in all test files below root.
func testFunctions(root string) (map[string]bool, error) {
	found := make(map[string]bool)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() != ".." && strings.HasPrefix(d.Name(), "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("reading the tests of %s: %w", path, err)
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasPrefix(f.Name.Name, "TestOption_") {
				found[f.Name.Name] = true
			}
		}
		return nil
	})
	return found, err
}

// TestNearest: a guess is made for typing errors only.
func TestNearest(t *testing.T) {
	t.Parallel()
	names := optionNames(globalOptions)
	for word, want := range map[string]string{
		"acces_lifetime": "access_lifetime", "Issuer": "issuer", "secrets": "secret", "odience": "audience",
		"otpp": "otp", "colour": "", "x": "", "": "", strings.Repeat("issuer", 1000): "",
	} {
		if got := nearest(word, names); got != want {
			t.Errorf("nearest(%.20q) = %q, expected %q", word, got, want)
		}
	}
}
