package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// twoIssuer is what both of two nodes call themselves.
const twoIssuer = "\t\tissuer http://127.0.0.1:9\n"

// twoNodes runs two nodes on one Postgres. Unless the plan says otherwise both write their mails into the first
// one's outbox.
func twoNodes(t testing.TB, p plan) (a, b *gateway) {
	t.Helper()
	p.postgres = true
	p.global += twoIssuer
	a = start(t, p)
	if !strings.Contains(p.global, "mail smtp ") {
		p.global += "\t\tmail outbox " + filepath.Join(a.Dir, "data", "outbox") + "\n"
	}
	return a, nodeBeside(t, p, a.database)
}

// nodeBeside runs another node on a database.
func nodeBeside(t testing.TB, p plan, database string) *gateway {
	t.Helper()
	g, err := newGateway(p, database)
	if g != nil {
		g.after(t, g.close)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// inTime waits until done holds and fails when that takes longer than the limit.
func inTime(t testing.TB, limit time.Duration, what string, done func() bool) {
	t.Helper()
	begin := time.Now()
	eventually(t, what, done)
	if took := time.Since(begin); took > limit {
		t.Errorf("%s: took %s, at most %s are allowed", what, took, limit)
	}
}

// TestK04_NoStickiness: every step of every flow happens on the node where the step before did not.
func TestK04_NoStickiness(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{})
	registered := a.api(t, "POST", "/register", object{"email": "ada@example.com", "username": "ada", "password": password}).must(t, 202, "")
	a.waitMail(t, "ada@example.com", 1)
	b.api(t, "POST", "/verify/resend", object{"email": "ada@example.com"}).must(t, 202, "")
	code := a.waitMail(t, "ada@example.com", 2).code
	b.api(t, "POST", "/verify", object{"email": "ada@example.com", "otp": wrongCode(code, 1), "registration": registered.text("registration")}).
		want(t, 400, "invalid_code")
	u := &user{email: "ada@example.com", password: password}
	u.take(t, b.api(t, "POST", "/verify", object{"email": "ada@example.com", "otp": code, "registration": registered.text("registration")}).must(t, 200, ""))

	a.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")
	u.take(t, a.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	b.do(t, call{path: "/app", bearer: u.access}).must(t, 200, "")

	browser := a.signIn(t, u, true)
	b.do(t, call{path: "/app", cookies: browser.cookies}).must(t, 200, "")
	delete(browser.cookies, "gatehouse") // has expired: renewed in place, by the other node
	renewed := b.do(t, call{path: "/app", cookies: browser.cookies, header: page}).must(t, 200, "")
	browser.takeCookies(t, renewed)
	a.do(t, call{path: "/app", cookies: browser.cookies}).must(t, 200, "")

	listed := b.api(t, "GET", "/sessions", nil, call{bearer: u.access}).must(t, 200, "")
	if list, _ := listed.json(t)["sessions"].([]any); len(list) != 2 {
		t.Errorf("the other node lists %d sessions, want 2", len(list))
	}
	b.api(t, "DELETE", "/sessions/"+browser.sid, nil, call{bearer: u.access}).must(t, 204, "")
	inTime(t, 5*time.Second, "a session that one node ended is over on the other", func() bool {
		return a.do(t, call{path: "/app", cookies: map[string]string{"gatehouse": browser.cookies["gatehouse"]}}).status == 401
	})

	a.api(t, "POST", "/password/forgot", object{"login": "ada@example.com"}).must(t, 202, "")
	reset := a.waitMail(t, "ada@example.com", 3)
	u.password = "another granite lantern 8"
	b.api(t, "POST", "/password/reset", object{"login": "ada@example.com", "otp": reset.code, "new_password": u.password}).must(t, 204, "")
	inTime(t, 5*time.Second, "what a reset on one node ends is over on the other", func() bool {
		return a.do(t, call{path: "/app", bearer: u.access}).status == 401
	})
	again := a.signIn(t, u, false)
	b.api(t, "POST", "/me/password", object{"current_password": u.password, "new_password": password}, call{bearer: again.access}).must(t, 204, "")
	u.password = password
	last := a.signIn(t, u, false)
	b.api(t, "PATCH", "/me", object{"first_name": "Ada"}, call{bearer: last.access}).must(t, 200, "")
	if me := a.api(t, "GET", "/me", nil, call{bearer: last.access}).must(t, 200, ""); me.text("first_name") != "Ada" {
		t.Errorf("a profile changed on one node reads %q on the other", me.text("first_name"))
	}
	b.api(t, "POST", "/logout", object{"refresh_token": last.refresh}).must(t, 204, "")
	a.api(t, "POST", "/refresh", object{"refresh_token": last.refresh}).want(t, 401, "invalid_refresh_token")
}

// TestK04_RefreshOnTheOtherNode: the lost answer of one node is given again by the other, and theft is seen by both.
func TestK04_RefreshOnTheOtherNode(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{clock: true})
	u := a.newUser(t)
	first := a.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, "")
	again := b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, "")
	if first.text("refresh_token") != again.text("refresh_token") {
		t.Error("the two nodes gave different successors to one refresh token")
	}
	next := b.api(t, "POST", "/refresh", object{"refresh_token": again.text("refresh_token")}).must(t, 200, "")
	a.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).want(t, 401, "refresh_token_reused")
	b.api(t, "POST", "/refresh", object{"refresh_token": next.text("refresh_token")}).want(t, 401, "invalid_refresh_token")
}

// TestK12_DuplicateRegister: of fifty that register one address at once, in other spellings, on two nodes, one gets it.
func TestK12_DuplicateRegister(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{global: "\t\tsignup open\n"})
	spellings := []string{"ada@example.com", "ADA@example.com", "Ada@Example.COM", "aDa@EXAMPLE.com"}
	statuses := make([]int, 50)
	var all sync.WaitGroup
	for i := range statuses {
		all.Go(func() {
			g := []*gateway{a, b}[i%2]
			answer, err := g.try(call{method: "POST", path: "/auth/register",
				body: object{"email": spellings[i%len(spellings)], "username": fmt.Sprint("ada", i), "password": password}})
			if err != nil {
				t.Error(err)
			}
			statuses[i] = answer.status
		})
	}
	all.Wait()
	tally := map[int]int{}
	for _, s := range statuses {
		tally[s]++
	}
	// A full queue of password hashes answers 503, which is no account either.
	if tally[201] != 1 || tally[201]+tally[409]+tally[503] != len(statuses) {
		t.Errorf("answers %v, want one 201 and conflicts", tally)
	}
	if n := a.count(t, "select count(*) from users"); n != 1 {
		t.Errorf("%d accounts", n)
	}
	if n := a.count(t, "select count(*) from identifiers"); n != 2 {
		t.Errorf("%d names are claimed, want the address and one username", n)
	}
}

// TestK12_OneProof: one address is proven on two nodes by the codes of many registrations: one account.
func TestK12_OneProof(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{})
	registrations := make([]string, 6)
	for i := range registrations {
		g := []*gateway{a, b}[i%2]
		registrations[i] = g.api(t, "POST", "/register", object{"email": "ada@example.com", "password": password}).
			must(t, 202, "").text("registration")
	}
	letters := a.mails(t, "ada@example.com")
	eventually(t, "the code that is live", func() bool {
		if a.count(t, "select count(*) from outbox where due_at is not null") > 0 {
			return false
		}
		letters = a.mails(t, "ada@example.com")
		return len(letters) > 0
	})
	verified := make([]bool, 2*len(registrations))
	var all sync.WaitGroup
	for i := range verified {
		all.Go(func() {
			g := []*gateway{a, b}[i%2]
			answer, err := g.try(call{method: "POST", path: "/auth/verify", body: object{"email": "ada@example.com",
				"otp": letters[len(letters)-1].code, "registration": registrations[i/2]}})
			verified[i] = err == nil && answer.status == 200
		})
	}
	all.Wait()
	won := 0
	for _, v := range verified {
		if v {
			won++
		}
	}
	if n := a.count(t, "select count(*) from users"); n != 1 || won != 1 {
		t.Errorf("%d accounts, %d were told that they had proven it", n, won)
	}
}

// TestK08_MigrateTogether: three nodes that start together on an empty database make one schema and one set of keys.
func TestK08_MigrateTogether(t *testing.T) {
	t.Parallel()
	database := testpg.Database(t)
	nodes := make([]*gateway, 3)
	for i := range nodes {
		nodes[i] = nodeBeside(t, plan{postgres: true, failing: true, global: twoIssuer}, database)
	}
	for _, g := range nodes {
		eventually(t, "a node of three that start together serves", g.Serves)
	}
	g := nodes[0]
	if n := g.count(t, "select count(*) from signing_keys"); n != 5 {
		t.Errorf("%d keys, want an internal one, and an active and a next one of two uses", n)
	}
	if n := g.count(t, "select count(*) from (select version_id from goose_db_version group by version_id having count(*) > 1) twice"); n != 0 {
		t.Errorf("%d migrations ran twice", n)
	}
	u := g.newUser(t)
	for _, other := range nodes {
		other.do(t, call{path: "/app", bearer: u.access}).want(t, 200, "")
	}
}

// outboxIDs returns how often each mail lies in the outbox.
func (g *gateway) outboxIDs(t testing.TB) map[string]int {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(g.Dir, "data", "outbox"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	ids := map[string]int{}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".eml"); ok && !strings.HasPrefix(name, ".") {
			_, id, _ := strings.Cut(name, "Z-")
			ids[id]++
		}
	}
	return ids
}
