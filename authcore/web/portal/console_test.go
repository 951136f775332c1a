package portal_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// as gives the person of this browser a role, and signs them in with it.
func (b *browser) as(role string) *browser {
	b.Helper()
	owner := b.Person(b.T, signup.RegisterInput{Email: email, Username: "ada", FirstName: "Ada", LastName: "Lovelace"}).Account
	if _, err := b.Store.ChangeRoles(b.Context(), authcore.RolesChange{AccountID: owner.ID, Add: []string{role}, Now: b.Clock.Now()}); err != nil {
		b.Fatal(err)
	}
	b.signIn()
	return b
}

func TestConsole_IsForAdministratorsAndAuditors(t *testing.T) {
	for role, status := range map[string]int{authcore.RoleAdmin: http.StatusOK, authcore.RoleAuditor: http.StatusOK, "staff": http.StatusForbidden} {
		t.Run(role, func(t *testing.T) {
			b := open(t).browser().as(role)
			got := b.get("/console").want(status)
			if status == http.StatusOK {
				got.says("Dashboard", "Mails waiting")
				b.get("/admin").leads("/auth/console")
				b.get("/console/").leads("/auth/console")
				b.get("/account").says("Administration", "Console")
				return
			}
			got.silent("Dashboard", "waiting")
			b.get("/admin").want(status)
			b.get("/account").silent("/auth/console")
		})
	}
}

// Who is not signed in comes back to the page of the console that they wanted.
func TestConsole_BackAfterSignIn(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAdmin)
	b.cookies = map[string]string{}
	b.get("/console").leads("/auth/login?rd=%2Fauth%2Fconsole")
	b.get("/login?rd=%2Fauth%2Fconsole").want(http.StatusOK).says("Sign in")
	b.post("/login", []string{"login", email, "password", testflow.Password, "rd", "/auth/console"}).leads("/auth/console")
}

// consolePages are those of the console's navigation.
func (b *browser) consolePages() (pages []string) {
	b.Helper()
	start := b.get("/console").want(http.StatusOK)
	for _, found := range regexp.MustCompile(`href="/auth(/console[^"]*)"`).FindAllStringSubmatch(start.body, -1) {
		pages = append(pages, found[1])
	}
	if len(pages) == 0 {
		b.Fatalf("no navigation: %s", start.body)
	}
	return pages
}

// S17: an auditor sees every page and changes nothing: there is no button to do so, and a form that is sent all the same is refused.
func TestS17_AuditorsChangeNothing(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	for _, at := range b.consolePages() {
		if at == "/console/explain" { // its form changes nothing
			b.post(at, []string{"method", "GET", "url", "https://app.example.com/"}).want(http.StatusOK).says("The request goes on")
			continue
		}
		b.get(at).want(http.StatusOK).silent(`method="post"`, `class="act"`)
		if got := b.post(at, []string{"id", "x"}); got.status != http.StatusForbidden && got.status != http.StatusMethodNotAllowed {
			t.Errorf("a form to %s: %d", at, got.status)
		}
	}
}

// The list of events: filters from the address, accounts by their names, and a table with the same filters.
func TestConsole_Events(t *testing.T) {
	b := open(t).browser().as(authcore.RoleAuditor)
	b.house.browser().post("/login", []string{"login", email, "password", "wrong"}).want(http.StatusUnauthorized)
	b.get("/console/events").want(http.StatusOK).says("session.signed_in", "invalid_credentials", email, "192.0.2.7")
	narrowed := b.get("/console/events?kind=session.*&result=failure&to=2030-01-31").want(http.StatusOK).says("invalid_credentials", "Remove filters").silent(">success<")
	if !strings.Contains(narrowed.body, "/auth/admin/events.csv?kind=session.%2A&amp;result=failure&amp;to=2030-02-01T00%3A00%3A00Z") {
		t.Errorf("the table has other filters: %s", narrowed.body)
	}
	live := b.get("/console/events?kind=session.*").want(http.StatusOK).says("Reload the page to see")
	script, err := os.ReadFile("console_live.js")
	sum := sha256.Sum256(script)
	policy := live.header.Get("Content-Security-Policy")
	if all := live.all("script"); err != nil || len(all) != 1 || all[0].FirstChild.Data != string(script) || !strings.Contains(policy, "connect-src 'self'; ") ||
		!strings.Contains(policy, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; ") {
		t.Errorf("its scripts are others, under %s (%v)", policy, err)
	}
	at := live.all("div")[slices.IndexFunc(live.all("div"), func(n *html.Node) bool { return attr(n, "id") == "live" })]
	if attr(at, "data-from") != "/auth/admin/events/stream?kind=session.%2A&" || attr(at, "data-mark") == "" {
		t.Errorf("it follows %s", attr(at, "data-from"))
	}
	if past := b.get("/console/events?to=2030-01-31"); len(past.all("script")) != 0 {
		t.Error("what is over is followed")
	}
	b.get("/console/events?ip=203.0.113.9").want(http.StatusOK).says("No event fits")
	for _, query := range []string{"account=x", "kind=none", "from=yesterday", "cursor=x"} {
		b.get("/console/events?" + query).want(http.StatusBadRequest)
	}
}
