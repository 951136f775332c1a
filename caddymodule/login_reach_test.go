package caddymodule

import (
	"strconv"
	"strings"
	"testing"
)

// TestSite_LoginThatIsGuarded: a sign-in page that its own guard keeps browsers from is refused with its line where that is
// certain, and what may work is let be. Configurations are validated one at a time, since Caddy's default log is the process's.
func TestSite_LoginThatIsGuarded(t *testing.T) {
	const wrong = "{\nlogin_url /wrong/login\n}\n"
	const site = "app.example.com {\ngatehouse\n"
	for name, c := range map[string]struct {
		refused bool
		sites   string
	}{
		"at the top":                   {true, site + "gatehouse_guard " + wrong + "respond x\n}"},
		"any name":                     {true, ":80 {\ngatehouse\ngatehouse_guard " + wrong + "}"},
		"a prefix":                     {true, "app.example.com {\ngatehouse /id\ngatehouse_guard {\nlogin_url /auth/login\n}\n}"},
		"like the prefix":              {true, site + "gatehouse_guard {\nlogin_url /authx/login\n}\n}"},
		"with others' directives":      {true, site + "root * /srv\nheader X-A b\nencode gzip\ngatehouse_guard " + wrong + "file_server\n}"},
		"in a route":                   {true, site + "route {\ngatehouse_guard " + wrong + "}\n}"},
		"after a guard of another":     {true, site + "route {\ngatehouse_guard /x/*\ngatehouse_guard " + wrong + "}\n}"},
		"beside another site":          {true, "auth.example.com {\nrespond x\n}\n" + site + "gatehouse_guard " + wrong + "}"},
		"any name, beside a site":      {true, "auth.example.com:80 {\nrespond x\n}\n:80 {\ngatehouse\ngatehouse_guard " + wrong + "}"},
		"with a query":                 {true, site + "gatehouse_guard {\nlogin_url /wrong/login?x=/auth/login\n}\n}"},
		"the portal's":                 {false, site + "gatehouse_guard {\nlogin_url /auth/login\n}\n}"},
		"another page of the portal's": {false, site + "gatehouse_guard {\nlogin_url /auth/register\n}\n}"},
		"a prefix's":                   {false, "app.example.com {\ngatehouse /id\ngatehouse_guard {\nlogin_url /id/login\n}\n}"},
		"a matcher":                    {false, site + "gatehouse_guard /x/* " + wrong + "}"},
		"optional":                     {false, site + "gatehouse_guard {\noptional\nlogin_url /wrong/login\n}\n}"},
		"no portal":                    {false, "app.example.com {\ngatehouse_guard " + wrong + "}"},
		"in a block":                   {false, site + "handle /x/* {\ngatehouse_guard " + wrong + "}\n}"},
		"in the block for the rest":    {false, site + "handle /wrong/* {\nrespond x\n}\nhandle {\ngatehouse_guard " + wrong + "}\n}"},
		"behind what answers":          {false, site + "route {\nrespond /wrong/* x\ngatehouse_guard " + wrong + "}\n}"},
		"behind a block":               {false, site + "route {\nhandle /wrong/* {\nrespond x\n}\ngatehouse_guard " + wrong + "}\n}"},
		"behind a rewrite":             {false, site + "route {\nrewrite /wrong/login /auth/login\ngatehouse_guard " + wrong + "}\n}"},
		"a site for the path":          {false, "app.example.com/wrong/* {\nrespond x\n}\n" + site + "gatehouse_guard " + wrong + "}"},
		"a site for another path":      {false, "app.example.com/x/* {\ngatehouse\ngatehouse_guard " + wrong + "}"},
	} {
		t.Run(name, func(t *testing.T) {
			text := "{\n\tadmin off\n\tauto_https off\n\tgatehouse {\n\t\tissuer https://auth.example.net\n\t\tdata_dir " + t.TempDir() + "\n\t}\n}\n" + c.sites + "\n"
			at, _, _ := strings.Cut(text, "login_url")
			complaint := validated(t, text)
			want := "Caddyfile:" + strconv.Itoa(strings.Count(at, "\n")+1) + ": gatehouse_guard: login_url: "
			if refused := strings.Contains(complaint, want) && strings.Contains(complaint, "covered by this guard itself"); refused != c.refused || !refused && complaint != "" {
				t.Errorf("got %q, want refused: %v", complaint, c.refused)
			}
		})
	}
}
