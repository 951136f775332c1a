package e2e

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestGuard_RefusalPage: a person sees a page where a program gets a code, under one status.
func TestGuard_RefusalPage(t *testing.T) {
	t.Parallel()
	p := guardedHosts("http", plan{})
	p.site = strings.ReplaceAll(p.site, "gatehouse_guard @private {", "gatehouse_guard @private {\n\t\trequire user nobody@example.com")
	p.site = strings.Replace(p.site, "gatehouse_guard\n", "@staff path /staff\n\tgatehouse_guard @staff {\n\t\trequire user nobody@example.com\n\t}\n\tgatehouse_guard\n", 1)
	g := start(t, p)
	login, app, _, u := g.newSurfer(t, "http")

	a := login.open(t, "/staff?x=1")
	if a.status != 403 || !strings.Contains(string(a.body), u.email) ||
		!strings.Contains(string(a.body), `href="/auth/logout?rd=`+url.QueryEscape(login.origin()+"/staff?x=1")+`"`) {
		t.Errorf("a person gets %d %.1500s", a.status, a.body)
	}
	if kind := a.header.Get("Content-Type"); kind != "text/html; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", a.header)
	}
	form := g.do(t, call{path: "/staff", method: "POST", host: login.host, cookies: login.cookies,
		header: map[string]string{"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}})
	if form.status != 403 || form.header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Errorf("a form gets %d %v", form.status, form.header)
	}
	for _, c := range []call{{path: "/staff"}, {path: "/staff", method: "POST", header: map[string]string{"Sec-Fetch-Site": "same-origin"}},
		{path: "/staff", header: map[string]string{"Accept": "text/html;q=0"}}} {
		c.host, c.cookies = login.host, login.cookies
		g.do(t, c).want(t, 403, "forbidden")
	}
	head := g.do(t, call{method: "HEAD", path: "/staff", host: login.host, cookies: login.cookies, header: page})
	if head.status != 403 || len(head.body) > 0 {
		t.Errorf("HEAD gets %d %q", head.status, head.body)
	}

	if got := app.led(t, http.StatusSeeOther, app.handed(t, login, "/private/x?y=z")); got != app.origin()+"/private/x?y=z" {
		t.Fatalf("arrived at %s", got)
	}
	a = app.open(t, "/private/x?y=z")
	if a.status != 403 || !strings.Contains(string(a.body), u.email) || !strings.Contains(a.header.Get("Content-Security-Policy"), "form-action 'self' "+login.origin()+";") {
		t.Errorf("on a host without a portal: %d %v %.500s", a.status, a.header, a.body)
	}
	action := regexp.MustCompile(`action="([^"]+)"`).FindStringSubmatch(string(a.body))
	if action == nil {
		t.Fatalf("no form: %s", a.body)
	}
	out := g.do(t, call{method: "POST", path: action[1], host: app.host, cookies: app.cookies, body: "everywhere=1", header: map[string]string{
		"Origin": app.origin(), "Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}})
	back := login.origin() + "/auth/login?rd=" + url.QueryEscape(app.origin()+"/private/x?y=z")
	if out.status != 303 || out.header.Get("Location") != back {
		t.Errorf("signed out: %d to %s", out.status, out.header.Get("Location"))
	}
	if a := login.open(t, back); a.status != 200 || !strings.Contains(string(a.body), `name="password"`) {
		t.Errorf("the same person goes on: %d %.300s", a.status, a.body)
	}
}

// TestLog_FailedSignIns: the line that docs/operations.md gives to fail2ban is the one that is written.
func TestLog_FailedSignIns(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tissuer http://nowhere.localhost:1\n\t\tlockout {\n\t\t\tfailures 2\n\t\t}\n"})
	u := g.newUser(t)
	const typed = "Tr0ub4dor&3-typed-as-name"
	g.api(t, "POST", "/login", object{"login": typed, "password": "x"}).want(t, 401, "invalid_credentials")
	for range 2 {
		g.api(t, "POST", "/login", object{"login": u.email, "password": "wrong"}).want(t, 401, "invalid_credentials")
	}
	docs, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	filter := regexp.MustCompile(`(?m)^failregex = (.*)$`).FindSubmatch(docs)
	if filter == nil {
		t.Fatal("docs/operations.md shows no failregex")
	}
	line := regexp.MustCompile("(?m)" + strings.ReplaceAll(string(filter[1]), "<ADDR>", `127\.0\.0\.1`) + `.*$`)
	eventually(t, "the lock is told", func() bool {
		return strings.Contains(g.logs(), `"result":"account_locked","client_ip":"127.0.0.1","account":"`+u.id)
	})
	log := g.logs()
	if got := line.FindAllString(log, -1); len(got) != 3 || strings.Contains(got[0], "account") || !strings.Contains(got[2], u.id) {
		t.Errorf("the filter %s finds %q", line, got)
	}
	if strings.Contains(log, typed) || strings.Contains(log, u.email) {
		t.Error("what was typed is in the log")
	}
	if !strings.Contains(log, "is not the address of a site with `gatehouse` (sites: http://127.0.0.1:") {
		t.Error("an issuer that is no site is not told")
	}
}

// TestCommands_MakeNoDatabase: a command in the wrong folder says so and leaves nothing behind.
func TestCommands_MakeNoDatabase(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	for name, c := range map[string]struct {
		file string
		args []string
		want string
	}{
		"no configuration": {"", []string{"--address", "unix/none.sock"}, "no Caddyfile in this folder and no gateway answers at unix/none.sock: name the configuration with --config"},
		"never started":    {"{\n\tadmin unix/none.sock\n\tgatehouse {\n\t\tdata_dir data\n\t}\n}\n", nil, "no gateway has made it yet"},
	} {
		dir := t.TempDir()
		if c.file != "" {
			if err := os.WriteFile(filepath.Join(dir, "Caddyfile"), []byte(c.file), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, command := range [][]string{{"keys", "list"}, {"sessions", "revoke", "--all"}, {"secret", "reset", "--sign-everyone-out"}} {
			cmd := exec.Command(g.Binary, append(command, c.args...)...)
			cmd.Dir, cmd.Env = dir, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir + "/xdg", "PATH=" + os.Getenv("PATH")}
			said, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(said), c.want) || c.file == "" && cmd.ProcessState.ExitCode() != 5 {
				t.Errorf("%s, %v: %v %s", name, command, err, said)
			}
		}
		if made, _ := filepath.Glob(filepath.Join(dir, "*", "*")); len(made) > 0 {
			t.Errorf("%s: it made %v", name, made)
		}
	}
	out, err := exec.Command(g.Binary, "version").Output()
	if err != nil || !regexp.MustCompile(`^gatehouse \S+\ncaddy v2\.`).Match(out) {
		t.Errorf("version prints %q, %v", out, err)
	}
	own := strings.Fields(string(out))[1]
	eventually(t, "the table of nodes has the version that the program prints", func() bool {
		return g.count(t, "select count(*) from nodes where version = '"+own+"'") == 1
	})
}
