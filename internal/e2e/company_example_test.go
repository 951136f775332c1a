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
	"strings"
	"sync"
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
	t.Cleanup(func() {
		c.Kill()
		if t.Failed() {
			t.Logf("the last lines:\n%s", c.Log.Tail(40))
		}
	})
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

// get returns the status, where it leads and the page.
func (e *employee) get(at string) (status int, to, body string, err error) {
	r, err := http.NewRequest(http.MethodGet, at, nil)
	if err != nil {
		return 0, "", "", err
	}
	r.Header.Set("Accept", "text/html")
	a, err := e.Do(r)
	if err != nil {
		return 0, "", "", err
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	return a.StatusCode, a.Header.Get("Location"), string(text), err
}

// signIn goes by the company's provider to the service, and returns whom the service takes the visitor for.
func (c *company) signIn(e *employee) (string, error) {
	_, to, _, err := e.get(c.site + "/auth/social/company/start?rd=/")
	if err != nil || to == "" {
		return "", fmt.Errorf("the start leads to %q: %w", to, err)
	}
	back, err := c.idp.SignIn(e.Client, to, e.name)
	if err != nil {
		return "", err
	}
	status, to, body, err := e.get(back)
	if err != nil || to != "/" {
		return "", fmt.Errorf("the answer is taken with %d and leads to %q: %.300s %w", status, to, body, err)
	}
	_, _, body, err = e.get(c.site + "/")
	return body, err
}

// TestCompanyExample: two hundred people sign in at once by a real OpenID provider, and each is who they are; roles come from groups; who is not of the
// company is not let in; a logout at the provider is one here within a second.
func TestCompanyExample(t *testing.T) {
	t.Parallel()
	c := startCompany(t)
	begun := time.Now()
	var all sync.WaitGroup
	people := make([]*employee, staff)
	for i := range people {
		people[i] = newEmployee(fmt.Sprintf("user%d.%s", i, []string{"engineers", "sales"}[i%2]))
		all.Go(func() {
			if who, err := c.signIn(people[i]); err != nil || who != people[i].name+"@corp.example" {
				t.Errorf("%s is taken for %q: %v", people[i].name, who, err)
			}
		})
	}
	all.Wait()
	t.Logf("%d people signed in within %s", staff, time.Since(begun).Round(time.Millisecond))
	for i, want := range []int{200, 403} {
		if status, _, _, err := people[i].get(c.site + "/deploy"); err != nil || status != want {
			t.Errorf("%s may deploy: %d, want %d (%v)", people[i].name, status, want, err)
		}
	}
	if who, err := c.signIn(newEmployee("unproven.sales")); err == nil {
		t.Errorf("an address that nobody has proven is taken for %q", who)
	}
	c.logout(t, people[0])
	inTime(t, 5*time.Second, "who signs out at the provider is signed out here", func() bool {
		status, _, _, err := people[0].get(c.site + "/")
		return err == nil && status != 200
	})
	if _, _, body, err := people[2].get(c.site + "/"); err != nil || body != people[2].name+"@corp.example" {
		t.Errorf("a logout has ended the session of somebody else: %s %v", body, err)
	}
}

var hidden = regexp.MustCompile(`name="xsrf" value="([^"]+)"`)

// logout signs somebody out at the provider (OpenID Connect RP-Initiated Logout 1.0).
func (c *company) logout(t *testing.T, e *employee) {
	t.Helper()
	_, _, body, err := e.get(c.idp.Issuer + "/session/end")
	found := hidden.FindStringSubmatch(body)
	if err != nil || found == nil {
		t.Fatalf("the provider's logout page: %v\n%.500s", err, body)
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
