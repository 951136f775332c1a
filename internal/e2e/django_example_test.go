package e2e

import (
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

const djangoFolder = "../../examples/django"

// shop is examples/django: the gateway with the example's Caddyfile, and behind it Debian's Django in gunicorn.
type shop struct {
	*gateway
	site string
}

// visitorOf asks every request of one host, by its name.
type visitorOf string

func (host visitorOf) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = string(host)
	return http.DefaultTransport.RoundTrip(r)
}

// startShop does what the example's manual says.
func startShop(t *testing.T) *shop {
	t.Helper()
	binary, err := gatehousetest.Release()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(workDir(t), "")
	if err != nil {
		t.Fatal(err)
	}
	s := &shop{gateway: &gateway{Gateway: gatehousetest.Over(dir, binary, ".gatehouse.sock")}}
	_, port, _ := strings.Cut(s.Host(), ":")
	s.site = "http://localhost:" + port
	s.Env = []string{"SITE=" + s.site, "SECRET_KEY=" + testSecret + testSecret, "PYTHONDONTWRITEBYTECODE=1"}
	s.client = &http.Client{Timeout: 30 * time.Second, Transport: visitorOf(strings.TrimPrefix(s.site, "http://")), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, pattern := range []string{"Caddyfile", "README.md", "manage.py", "shop/*.py"} { // not what somebody's trial has left there
		copyFiles(t, djangoFolder, pattern, s.Dir)
	}
	if err := os.Symlink(".gatehouse", filepath.Join(s.Dir, "data")); err != nil { // where mails are looked for
		t.Fatal(err)
	}
	s.manage(t, "migrate", "-v", "0")
	s.manage(t, "collectstatic", "--noinput")
	s.serve(t)
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	s.killAfter(t)
	return s
}

func copyFiles(t *testing.T, from, pattern, to string) {
	t.Helper()
	files, err := fs.Glob(os.DirFS(from), pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: nothing is %s, %v", from, pattern, err)
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(from, name))
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(to, name)), 0o700)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(to, name), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// python is a program of Debian's Python; the one in PATH may be another, without Django.
func (s *shop) python(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = s.Dir, append([]string{"HOME=" + s.Dir, "PATH=/usr/bin:/bin"}, s.Env...)
	return cmd
}

func (s *shop) manage(t *testing.T, args ...string) {
	t.Helper()
	if out, err := s.python("/usr/bin/python3", append([]string{"manage.py"}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("manage.py %s (Debian packages python3-django and gunicorn): %v\n%s", args, err, out)
	}
}

// serve runs gunicorn as the manual says, and holds the manual to its word on who reaches the socket.
func (s *shop) serve(t *testing.T) {
	t.Helper()
	line := regexp.MustCompile(`(?m)^gunicorn (.*)$`).FindStringSubmatch(s.manual(t))
	if line == nil {
		t.Fatal("the manual does not say how to start gunicorn")
	}
	cmd := s.python("/usr/bin/gunicorn", strings.Fields(line[1])...)
	cmd.Stdout, cmd.Stderr = s.Log, s.Log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := gatehousetest.Spawn(cmd); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	var socket os.FileInfo
	eventually(t, "gunicorn listens", func() (ok bool) {
		var err error
		socket, err = os.Stat(filepath.Join(s.Dir, "gunicorn.sock"))
		return err == nil
	})
	if mode := socket.Mode().Perm(); mode&0o077 != 0 {
		t.Errorf("others may connect to gunicorn: %o", mode)
	}
}

func (s *shop) manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.Dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// open is what a person does in a browser that keeps cookies, Django's included.
func (s *shop) open(t *testing.T, u *user, path string) answer {
	t.Helper()
	a := s.do(t, call{path: path, cookies: u.cookies, header: page})
	u.takeCookies(t, a)
	return a
}

func (s *shop) says(t *testing.T, a answer, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(string(a.body), text) {
		t.Errorf("answered %d, want %d with %q: %.1500s", a.status, status, text, a.body)
	}
}

func (s *shop) leads(t *testing.T, a answer, to string) {
	t.Helper()
	if got := strings.TrimPrefix(a.header.Get("Location"), s.site); a.status/100 != 3 || got != to {
		t.Errorf("answered %d to %q, want %q: %.300s", a.status, got, to, a.body)
	}
}

// TestDjango_Example: the whole way with the real Django: nobody, a visitor, a user, the first member of staff, and out.
func TestDjango_Example(t *testing.T) {
	t.Parallel()
	s := startShop(t)
	s.Env = append(s.Env, "SITE=https://shop.example.com")
	s.manage(t, "check", "--deploy", "--fail-level", "WARNING")

	nobody := &user{cookies: map[string]string{}}
	s.says(t, s.open(t, nobody, "/"), 200, "You may look around")
	s.leads(t, s.open(t, nobody, "/admin/"), "/auth/login?rd="+"http%3A%2F%2Flocalhost%3A"+strings.TrimPrefix(s.site, "http://localhost:")+"%2Fadmin%2F")
	s.leads(t, s.open(t, nobody, "/wishes/"), "/auth/login?rd=/wishes/")
	s.says(t, s.open(t, nobody, "/auth/login?rd=/wishes/"), 200, `name="password"`)

	ada := s.newBrowser(t, profile{firstName: "Adä", lastName: "Lovelace"})
	for _, name := range []string{"Remote-Sub", "Remote_Sub", "REMOTE-SUB", "Remote_User", "HTTP_REMOTE_SUB"} {
		a := s.do(t, call{path: "/", header: map[string]string{name: ada.id}})
		s.says(t, a, 200, "You may look around")
	}
	s.says(t, s.open(t, ada, "/"), 200, "Hello, Adä Lovelace.")
	s.leads(t, s.open(t, ada, "/auth/login?rd=/wishes/"), "/wishes/")
	s.says(t, s.open(t, ada, "/wishes/"), 200, "Your orders")
	django := ada.cookies["sessionid"]
	s.leads(t, s.open(t, ada, "/admin/"), "/admin/login/?next=/admin/")
	s.says(t, s.open(t, ada, "/admin/login/?next=/admin/"), 403, "403 Forbidden")

	promote := regexp.MustCompile(`(?s)manage\.py shell -c "\n(.*?)"\n`).FindStringSubmatch(s.manual(t))
	if promote == nil {
		t.Fatal("the manual does not say how the first member of staff is made")
	}
	s.manage(t, "shell", "-c", strings.ReplaceAll(promote[1], "ada@example.com", ada.email))
	s.says(t, s.open(t, ada, "/admin/"), 200, "Site administration")
	s.says(t, s.open(t, ada, "/static/admin/css/base.css"), 200, "DJANGO")
	s.says(t, s.open(t, ada, "/"), 200, "Administration")
	s.says(t, s.open(t, ada, "/admin/"), 200, "Site administration") // a public page in between ends nothing
	if django == "" || ada.cookies["sessionid"] != django {
		t.Errorf("Django's session was %q and is %q", django, ada.cookies["sessionid"])
	}
	s.addsGroup(t, ada)

	// Somebody else with Django's session of Ada's is themselves; without Gatehouse's session it is nobody's.
	bob := s.newBrowser(t, profile{firstName: "Bob"})
	bob.cookies["sessionid"] = django
	s.says(t, s.open(t, bob, "/"), 200, "Hello, Bob.")
	s.leads(t, s.open(t, ada, "/admin/logout/"), "/auth/logout")
	s.says(t, s.open(t, ada, "/auth/logout"), 200, "logout-form")
	out := s.api(t, "POST", "/logout", nil, call{cookies: ada.cookies, header: map[string]string{"Origin": s.site}})
	ada.takeCookies(t, out.must(t, 204, ""))
	if ada.cookies["sessionid"] == "" {
		t.Error("Django's cookie is gone before Django was asked")
	}
	s.says(t, s.open(t, ada, "/"), 200, "You may look around")
	if got := ada.cookies["sessionid"]; got != "" {
		t.Errorf("Django's session lives on: %q", got)
	}
}

// addsGroup sends a form of the admin, which Django holds against its token and the origin.
func (s *shop) addsGroup(t *testing.T, u *user) {
	t.Helper()
	form := s.open(t, u, "/admin/auth/group/add/")
	token := regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`).FindSubmatch(form.body)
	if token == nil {
		t.Fatalf("no form: %d %.300s", form.status, form.body)
	}
	a := s.do(t, call{method: "POST", path: "/admin/auth/group/add/", cookies: u.cookies,
		body: "name=clerks&csrfmiddlewaretoken=" + string(token[1]), header: map[string]string{
			"Origin": s.site, "Content-Type": "application/x-www-form-urlencoded", "Accept": "text/html"}})
	s.leads(t, a, "/admin/auth/group/")
}
