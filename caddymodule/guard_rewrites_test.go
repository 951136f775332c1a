package caddymodule

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestP11_GuardBeforeARewrite: a guard that matches by path, and what changes that path behind it, are named with their lines at
// validate; nothing is said where the service cannot get a path that the guard takes and has not seen.
func TestP11_GuardBeforeARewrite(t *testing.T) {
	for name, c := range map[string]struct {
		site string
		want string // in the warning; "" for none
	}{
		"strip_prefix":             {"gatehouse_guard /admin/*\nuri strip_prefix /api\nreverse_proxy localhost:9000", "`uri strip_prefix /api` at Caddyfile:15"},
		"strip_prefix, matched":    {"gatehouse_guard /admin/*\nuri /api/* strip_prefix /api\nreverse_proxy localhost:9000", "`uri /api/* strip_prefix /api` at Caddyfile:15"},
		"a rewrite":                {"@a path /admin /admin/*\ngatehouse_guard @a\nrewrite /old/* /admin{path}\nreverse_proxy localhost:9000", "`rewrite /old/* /admin{path}` at Caddyfile:16"},
		"to a guarded page":        {"gatehouse_guard /admin/*\nrewrite /old /admin/x\nreverse_proxy localhost:9000", "`rewrite /old /admin/x` at Caddyfile:15"},
		"handle_path":              {"gatehouse_guard /admin/*\nhandle_path /api/* {\nreverse_proxy localhost:9000\n}", "`handle_path /api/*` at Caddyfile:15"},
		"in a block":               {"gatehouse_guard /admin/*\nhandle /api/* {\nuri strip_prefix /api\nreverse_proxy localhost:9000\n}", "`uri strip_prefix /api` at Caddyfile:16"},
		"try_files":                {"gatehouse_guard /admin/*\ntry_files {path} /admin/index.html\nfile_server", "`try_files {path} /admin/index.html` at Caddyfile:15"},
		"a replacement":            {"gatehouse_guard /admin/*\nuri replace /x/ /\nreverse_proxy localhost:9000", "`uri replace /x/ /` at Caddyfile:15"},
		"a suffix":                 {"gatehouse_guard /admin\nuri strip_suffix .html\nreverse_proxy localhost:9000", "`uri strip_suffix .html` at Caddyfile:15"},
		"by a pattern":             {"@a path_regexp ^/admin\ngatehouse_guard @a\nuri strip_prefix /api\nreverse_proxy localhost:9000", "`uri strip_prefix /api` at Caddyfile:16"},
		"by what is left out":      {"@a not path /public/*\ngatehouse_guard @a\nuri strip_prefix /public\nreverse_proxy localhost:9000", "`uri strip_prefix /public` at Caddyfile:16"},
		"no matcher":               {"gatehouse_guard\nuri strip_prefix /api\nreverse_proxy localhost:9000", ""},
		"another kind of matcher":  {"@a method POST\ngatehouse_guard @a\nuri strip_prefix /api\nreverse_proxy localhost:9000", ""},
		"the rewrite comes first":  {"route {\nuri strip_prefix /api\ngatehouse_guard /admin/*\nreverse_proxy localhost:9000\n}", ""},
		"beside the guard's block": {"handle /app/* {\ngatehouse_guard /app/admin/*\nreverse_proxy localhost:9000\n}\nhandle_path /api/* {\nreverse_proxy localhost:9001\n}", ""},
		"all of it is guarded":     {"gatehouse_guard /api/*\nhandle_path /api/* {\nreverse_proxy localhost:9000\n}", ""},
		"the query alone":          {"gatehouse_guard /admin/*\nrewrite ?a=b\nreverse_proxy localhost:9000", ""},
		"to a page for all":        {"gatehouse_guard /admin/*\ntry_files {path} /index.html\nfile_server", ""},
		"PHP":                      {"gatehouse_guard /admin/*\nphp_fastcgi localhost:9000", ""},
		"PHP, by what is left out": {"@a not path /public/*\ngatehouse_guard @a\nphp_fastcgi localhost:9000", ""},
	} {
		t.Run(name, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			text := "{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput file " + log + "\n\t}\n\tgatehouse {\n\t\tissuer https://auth.example.net\n\t\tdata_dir " +
				t.TempDir() + "\n\t}\n}\napp.example.com {\n\tgatehouse\n" + c.site + "\n}\n"
			validated(t, text)
			said, err := os.ReadFile(log)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			warned := strings.Contains(string(said), "matches by path")
			if warned != (c.want != "") || !strings.Contains(string(said), c.want) || warned && !strings.Contains(string(said), "Caddyfile:1") {
				t.Errorf("wanted %q, got %s", c.want, said)
			}
		})
	}
}
