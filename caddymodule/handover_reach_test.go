package caddymodule

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestS04_HandoverThatCannotEnd: a guard that sends browsers to another host, and that the end of a hand-over cannot reach, is
// refused with its line where the site has a sign-in page, and told of elsewhere. What may work is let be. Configurations are
// validated one at a time, since Caddy's default log is the process's.
func TestS04_HandoverThatCannotEnd(t *testing.T) {
	const away = "{\nlogin_url https://auth.example.net/auth/login\n}\n"
	const fine, refused, told = "", "refused", "told"
	for name, c := range map[string]struct{ want, sites string }{
		"at the top":                 {fine, "app.example.com {\ngatehouse\ngatehouse_guard " + away + "}"},
		"at the top, no portal":      {fine, "app.example.com {\ngatehouse_guard /x/* " + away + "}"},
		"in a block":                 {refused, "app.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"both in blocks":             {told, "app.example.com {\nhandle /auth/* {\ngatehouse\n}\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"in a block, no portal":      {told, "app.example.com {\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"in a stripped block":        {refused, "app.example.com {\ngatehouse\nhandle_path /x/* {\ngatehouse_guard " + away + "}\n}"},
		"in a block of blocks":       {refused, "app.example.com {\ngatehouse\nroute {\nhandle /x/* {\ngatehouse_guard " + away + "}\n}\n}"},
		"in a block for all":         {fine, "app.example.com {\ngatehouse\nhandle {\ngatehouse_guard " + away + "}\n}"},
		"in the block for the rest":  {fine, "app.example.com {\ngatehouse\nhandle /x/* {\nrespond x\n}\nhandle {\ngatehouse_guard " + away + "}\n}"},
		"another block takes it":     {refused, "app.example.com {\ngatehouse\nhandle /.gatehouse/* {\nrespond x\n}\nhandle {\ngatehouse_guard " + away + "}\n}"},
		"by a pattern":               {refused, "app.example.com {\ngatehouse\n@x path_regexp ^/(x|y)/\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"all but the sign-in page":   {fine, "app.example.com {\ngatehouse\n@x not path /auth/*\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"all but ours":               {refused, "app.example.com {\ngatehouse\n@x not path /.gatehouse/*\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"by method":                  {refused, "app.example.com {\ngatehouse\n@x method POST PUT\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"by what is not known":       {fine, "app.example.com {\ngatehouse\n@x header X-A b\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"by an unknown path":         {fine, "app.example.com {\ngatehouse\n@x path {env.X}/*\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"behind a guard of its own":  {refused, "app.example.com {\ngatehouse\ngatehouse_guard /y/*\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"behind one with a page":     {refused, "app.example.com {\ngatehouse\nroute {\ngatehouse_guard\ngatehouse_guard " + away + "}\n}"},
		"before one with a page":     {fine, "app.example.com {\ngatehouse\nroute {\ngatehouse_guard " + away + "gatehouse_guard\n}\n}"},
		"with one at the top":        {fine, "app.example.com {\ngatehouse\ngatehouse_guard /y/* " + away + "handle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"no other host":              {fine, "auth.example.net {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"no other host but a port":   {fine, "auth.example.net:8443 {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"one of two hosts":           {refused, "auth.example.net, app.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"its own page":               {fine, "app.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard\n}\n}"},
		"a path for a page":          {fine, "app.example.com {\nhandle /x/* {\ngatehouse_guard {\nlogin_url /sign-in\n}\n}\n}"},
		"any name":                   {told, ":8443 {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"a wildcard":                 {refused, "*.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"one host of a wildcard":     {fine, "*.example.com {\ngatehouse\n@x host app.example.com\nhandle @x {\ngatehouse_guard " + away + "}\n}"},
		"a wildcard of the page's":   {fine, "*.example.net {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"a wildcard beside":          {fine, "app.example.com {\ngatehouse\ngatehouse_guard\n}\n*.example.com {\ngatehouse\ngatehouse_guard " + away + "}"},
		"a wildcard beside, blocked": {refused, "app.example.com {\ngatehouse_guard " + away + "}\n*.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"the second of the sites":    {refused, "a.example.com {\ngatehouse\ngatehouse_guard " + away + "}\nb.example.com {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
		"a site of the other server": {refused, "a.example.com {\ngatehouse\ngatehouse_guard " + away + "}\nb.example.com:8443 {\ngatehouse\nhandle /x/* {\ngatehouse_guard " + away + "}\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			line, log := 0, filepath.Join(t.TempDir(), "log")
			text := "{\n\tadmin off\n\tauto_https off\n\tlog {\n\t\toutput file " + log + "\n\t}\n\tgatehouse {\n\t\tissuer https://auth.example.net\n\t\tdata_dir " +
				t.TempDir() + "\n\t}\n}\n" + c.sites + "\n"
			for i, l := range strings.Split(text, "\n") {
				if strings.HasPrefix(l, "login_url") {
					line = i + 1 // of the last: no case has two that are wrong
				}
			}
			complaint := validated(t, text)
			written, err := os.ReadFile(log)
			if err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
			warned := strings.Contains(string(written), "login_url")
			got := complaint
			switch {
			case complaint != "":
				want := "Caddyfile:" + strconv.Itoa(line) + ": gatehouse_guard: login_url: \"https://auth.example.net/auth/login\" is on another host than the site "
				if strings.Contains(complaint, want) && strings.Contains(complaint, "remove login_url") {
					got = refused
				}
			case warned:
				got = told
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// validated returns what is wrong with a Caddyfile, "" for nothing.
func validated(t *testing.T, text string) string {
	t.Helper()
	config, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), map[string]any{"filename": "Caddyfile"})
	if err != nil {
		t.Fatal(err)
	}
	var cfg caddy.Config
	if err := caddy.StrictUnmarshalJSON(config, &cfg); err != nil {
		t.Fatal(err)
	}
	if err := caddy.Validate(&cfg); err != nil {
		return err.Error()
	}
	return ""
}
