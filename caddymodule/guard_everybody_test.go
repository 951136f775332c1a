package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEverybody: one line at validate tells of a guard that lets in whoever signs up, and none where somebody is kept out.
func TestEverybody(t *testing.T) {
	const tells = "anyone can sign up"
	for name, c := range map[string]struct {
		option, site, block string
		lines               int
	}{
		"no rule":        {"", "app.example.com", "gatehouse_guard", 1},
		"open":           {"signup open", "app.example.com", "gatehouse_guard", 1},
		"two guards":     {"", "app.example.com", "gatehouse_guard /a\ngatehouse_guard /b", 1},
		"any host":       {"", ":8443", "gatehouse_guard", 1},
		"a rule":         {"", "app.example.com", "gatehouse_guard {\nrequire verified\n}", 0},
		"closed":         {"signup closed", "app.example.com", "gatehouse_guard", 0},
		"optional":       {"", "app.example.com", "gatehouse_guard {\noptional\n}", 0},
		"this machine":   {"", "http://localhost:8080", "gatehouse_guard", 0},
		"one of several": {"", "app.example.com", "gatehouse_guard /a {\nrequire role staff\n}\ngatehouse_guard /b", 1},
	} {
		t.Run(name, func(t *testing.T) {
			said := validateTells(t, c.option, c.site, c.block)
			if n := strings.Count(said, tells); n != c.lines || n > 0 && c.site[0] == 'a' && !strings.Contains(said, "gatehouse_guard at app.example.com") {
				t.Errorf("%d lines, want %d: %s", n, c.lines, said)
			}
		})
	}
}

// validateTells is what validating a site logs.
func validateTells(t *testing.T, option, site, block string) string {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	if !strings.Contains(option, "issuer ") {
		option = "issuer https://auth.example.net\n" + option
	}
	validated(t, "{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput file "+log+"\n\t}\n\tgatehouse {\n\t\tdata_dir "+
		t.TempDir()+"\n\t\t"+option+"\n\t}\n}\n"+site+" {\n\tgatehouse\n"+block+"\nrespond ok\n}\n")
	said, err := os.ReadFile(log)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(said)
}

// TestErrorsOnly: a guard that stands among the routes for errors alone guards nothing, which is told.
func TestErrorsOnly(t *testing.T) {
	const inside = "handle_errors {\ngatehouse_guard\nrespond oops\n}"
	for block, want := range map[string]bool{
		inside: true, "gatehouse_guard\n" + inside: false, "gatehouse_guard": false,
		"handle /a {\ngatehouse_guard\n}\n" + inside: false,
	} {
		said := validateTells(t, "signup closed", "app.example.com", block)
		if strings.Contains(said, "stands only inside handle_errors") != want {
			t.Errorf("%s: %s", block, said)
		}
	}
}
