package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
	"github.com/gatehouse-auth/gatehouse/internal/testoidc"
	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

const (
	companyFolder = "../../examples/company-login"
	companySecret = "a-secret-of-the-company's-client"
	staff         = 200 // people who sign in at once
)

// company is examples/company-login with a real OpenID provider.
type company struct {
	*gateway
	site string
	idp  *testoidc.Provider
}

func startCompany(t *testing.T) *company {
	t.Helper()
	binary, err := gatehousetest.TestBuild()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(workDir(t), "")
	if err != nil {
		t.Fatal(err)
	}
	port, err := testproc.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	c := &company{gateway: &gateway{Gateway: gatehousetest.Over(dir, binary, ".gatehouse.sock")}}
	c.site = "http://" + c.Host()
	c.idp = testoidc.Start(t, port, testoidc.Client{ID: "gatehouse", Secret: companySecret, RedirectURIs: []string{c.site + "/auth/social/company/callback"},
		BackchannelLogoutURI: c.site + "/auth/social/company/backchannel-logout", BackchannelLogoutSID: true})
	c.Env = []string{"SITE=" + c.site, "OIDC_ISSUER=" + c.idp.Issuer, "OIDC_CLIENT_ID=gatehouse", "OIDC_CLIENT_SECRET=" + companySecret}
	copyFiles(t, companyFolder, "Caddyfile", c.Dir)
	file := filepath.Join(c.Dir, "Caddyfile")
	text, err := os.ReadFile(file)
	if err == nil { // all of them come from one address here
		err = os.WriteFile(file, []byte(strings.Replace(string(text), "signup open", "signup open\n\t\trate_limit social 10000/1m", 1)), 0o600)
	}
	if err == nil {
		err = c.Run()
	}
	if err != nil {
		t.Fatal(err)
	}
	c.killAfter(t)
	return c
}

// employee is somebody's browser.
type employee struct {
	*http.Client
	name string
}

func newEmployee(name string) *employee {
	jar, _ := cookiejar.New(nil) // cannot go wrong
	return &employee{&http.Client{Jar: jar, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, name}
}

// visited is what a browser gets.
type visited struct {
	status int
	to     string // where it leads
	body   string
	retry  time.Duration // of Retry-After
}

func (e *employee) get(at string) (got visited, err error) {
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		return got, err
	}
	r.Header.Set("Accept", "text/html")
	a, err := e.Do(r)
	if err != nil {
		return got, err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	retry, _ := strconv.Atoi(a.Header.Get("Retry-After"))
	return visited{a.StatusCode, a.Header.Get("Location"), string(text), time.Duration(retry) * time.Second}, err
}

// late counts who was told to come again, and why.
type late struct{ provider, store atomic.Int64 }

// again reports whether the page says that provider or store did not answer in time, and when to come again, and counts it.
func (l *late) again(a visited) bool {
	if a.status != http.StatusServiceUnavailable || a.retry <= 0 || a.retry > 10*time.Second {
		return false
	}
	switch {
	case strings.Contains(a.body, "The other service does not answer."):
		l.provider.Add(1)
	case strings.Contains(a.body, "We cannot answer this right now."):
		l.store.Add(1)
	default:
		return false
	}
	return true
}

// mostTries is how often somebody presses the button who is told to come again, as happens on a machine that many tests share.
const mostTries = 8

// signIn goes by the company's provider to the service, and returns whom the service takes the visitor for. Who is told to come again does.
// Any other refusal is an error.
func (c *company) signIn(e *employee, l *late) (string, error) {
	for range mostTries {
		got, err := c.toProvider(e)
		if err == nil && got.to == "/" {
			got, err = e.get(c.site + "/")
		}
		switch {
		case err != nil:
			return "", err
		case got.status == http.StatusOK:
			return got.body, nil
		case !l.again(got):
			return "", fmt.Errorf("%d leads to %q: %s", got.status, got.to, strings.Join(said.FindAllString(got.body, 5), " "))
		}
		<-time.After(got.retry)
	}
	return "", fmt.Errorf("refused as too slow %d times", mostTries)
}

// toProvider goes to the provider and back, and returns the answer to what it brings, or to the start where that leads nowhere.
func (c *company) toProvider(e *employee) (visited, error) {
	got, err := e.get(c.site + "/auth/social/company/start?rd=/")
	if err != nil || got.to == "" {
		return got, err
	}
	back, err := c.idp.SignIn(e.Client, got.to, e.name)
	if err != nil {
		return got, err
	}
	return e.get(back)
}

// said are the lines of a page that say what is wrong.
var said = regexp.MustCompile(`<(?:h1|p)>[^<]+`)

// TestCompanyExample: two hundred people sign in at once by a real OpenID provider, and each is who they are; roles come from groups; who is not of the
// company is not let in; a logout at the provider is one here within a second.
func TestCompanyExample(t *testing.T) {
	t.Parallel()
	c := startCompany(t)
	begun := time.Now()
	var all sync.WaitGroup
	var l late
	people := make([]*employee, staff)
	for i := range people {
		people[i] = newEmployee(fmt.Sprintf("user%d.%s", i, []string{"engineers", "sales"}[i%2]))
		all.Go(func() {
			if who, err := c.signIn(people[i], &l); err != nil || who != people[i].name+"@corp.example" {
				t.Errorf("%s is taken for %q: %v", people[i].name, who, err)
			}
		})
	}
	all.Wait()
	t.Logf("%d people signed in within %s, told to come again %d times because of the provider and %d of the store", staff,
		time.Since(begun).Round(time.Millisecond), l.provider.Load(), l.store.Load())
	for i, want := range []int{200, 403} {
		if got, err := people[i].get(c.site + "/deploy"); err != nil || got.status != want {
			t.Errorf("%s may deploy: %d, want %d (%v)", people[i].name, got.status, want, err)
		}
	}
	if got, err := c.toProvider(newEmployee("unproven.sales")); err != nil || got.status != http.StatusForbidden {
		t.Errorf("an address that nobody has proven is answered %d: %v", got.status, err)
	}
	c.logout(t, people[0])
	inTime(t, 5*time.Second, "who signs out at the provider is signed out here", func() bool {
		got, err := people[0].get(c.site + "/")
		return err == nil && got.status != 200
	})
	if got, err := people[2].get(c.site + "/"); err != nil || got.body != people[2].name+"@corp.example" {
		t.Errorf("a logout has ended the session of somebody else: %s %v", got.body, err)
	}
}

var hidden = regexp.MustCompile(`name="xsrf" value="([^"]+)"`)

// logout signs somebody out at the provider (OpenID Connect RP-Initiated Logout 1.0).
func (c *company) logout(t *testing.T, e *employee) {
	t.Helper()
	got, err := e.get(c.idp.Issuer + "/session/end")
	found := hidden.FindStringSubmatch(got.body)
	if err != nil || found == nil {
		t.Fatalf("the provider's logout page: %v\n%.500s", err, got.body)
	}
	a, err := e.PostForm(c.idp.Issuer+"/session/end/confirm", url.Values{"xsrf": {found[1]}, "logout": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	if a.StatusCode >= 400 {
		text, _ := io.ReadAll(a.Body)
		t.Fatalf("the logout answers %d: %.300s", a.StatusCode, text)
	}
}
