package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
)

// TestM05_KillInTheLifeOfAnAccount: kill -9 between any two steps, and in the midst of one, leaves what was done done, and what was not
// repeatable.
func TestM05_KillInTheLifeOfAnAccount(t *testing.T) {
	t.Parallel()
	global := "\t\tsignup verified\n\t\tinvitations users\n"
	for name, p := range map[string]plan{"sqlite": {global: global + "\t\tsecret {env.TEST_SECRET}\n"}, "postgres": {global: global, postgres: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := start(t, p)
			again := func() {
				g.Kill()
				g.client.CloseIdleConnections()
				g.restart(t)
			}
			u := g.killedSignUp(t, again)
			g.killedChange(t, u, again)
			g.killedInvitation(t, u, again)
			g.killedSecondStep(t, again)
			g.killedDeletions(t, again)
		})
	}
}

func (g *gateway) killedSignUp(t *testing.T, again func()) *user {
	t.Helper()
	u := &user{email: freshEmail(), username: "killed", password: password}
	proof := g.register(t, object{"email": u.email, "username": u.username, "password": password}).text("registration")
	again()
	token := g.waitMail(t, u.email, 1).token
	u.take(t, g.api(t, "POST", "/verify", object{"token": token, "registration": proof}).must(t, 200, ""))
	again()
	g.api(t, "POST", "/verify", object{"token": token, "registration": proof}).want(t, 400, "invalid_code")
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
	return u
}

// killedSecondStep kills the gateway between the steps of a sign-in, and in the midst of the second: at most a code is lost.
func (g *gateway) killedSecondStep(t *testing.T, again func()) {
	t.Helper()
	u := g.newUser(t)
	g.withEmailFactor(t, u)
	token, code := g.waiting(t, u, nil)
	again()
	step := call{method: "POST", path: "/auth/login/mfa", body: object{"mfa_token": token, "method": "email", "code": code}}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = g.try(step)
	}()
	again()
	<-ended
	switch a := g.do(t, step); a.status {
	case 200: // not done, and so repeatable
	case 400: // the code was spent, and nobody signed in
		a.want(t, 400, "invalid_code")
		g.api(t, "POST", "/login/mfa/send", object{"mfa_token": token, "method": "email"}, call{}).must(t, 202, "")
	default:
		a.want(t, 401, "invalid_mfa_token")
	}
	token, code = g.waiting(t, u, nil)
	g.api(t, "POST", "/login/mfa", object{"mfa_token": token, "method": "email", "code": code}, call{}).must(t, 200, "")
}

// killedChange kills the gateway after a request for a new address, in the midst of its confirmation, and in the way back.
func (g *gateway) killedChange(t *testing.T, u *user, again func()) {
	t.Helper()
	former := u.email
	u.email = freshEmail()
	g.api(t, "POST", "/me/email", object{"email": u.email}, call{bearer: u.access}).must(t, 202, "")
	again()
	confirm := call{method: "POST", path: "/auth/me/email/confirm", body: object{"token": g.waitMail(t, u.email, 1).token}, bearer: u.access}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = g.try(confirm)
	}()
	again()
	<-ended
	me := g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "").json(t)
	switch me["email"] {
	case former: // not done, and so repeatable
		g.do(t, confirm).must(t, 200, "")
		again()
	case u.email:
		g.do(t, confirm).want(t, 400, "invalid_code")
	default:
		t.Fatalf("half done: %v", me)
	}
	g.attempt(t, former, password).want(t, 401, "invalid_credentials")
	g.attempt(t, u.email, password).want(t, 200, "")
	// The former owner hears of it whatever happened between the change and the mail.
	undo := g.ofKind(t, former, "email_changed").token
	again()
	done := g.api(t, "POST", "/secure", object{"token": undo}).must(t, 200, "")
	again()
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).want(t, 401, "invalid_token")
	g.api(t, "POST", "/password/reset", object{"token": done.text("reset_token"), "new_password": password}).must(t, 204, "")
	again()
	u.email = former
	u.take(t, g.attempt(t, former, password).must(t, 200, ""))
}

func (g *gateway) killedInvitation(t *testing.T, u *user, again func()) {
	t.Helper()
	token := g.api(t, "POST", "/invitations", object{}, call{bearer: u.access}).must(t, 201, "").text("token")
	again()
	guest := freshEmail()
	proof := g.register(t, object{"email": guest, "password": password, "invitation": token}).text("registration")
	again()
	g.api(t, "POST", "/verify", object{"token": g.waitMail(t, guest, 1).token, "registration": proof}).must(t, 200, "")
	again()
	g.api(t, "POST", "/register", object{"email": freshEmail(), "password": password, "invitation": token}).want(t, 400, "invalid_invitation")
	if n := g.count(t, "select count(*) from invitations where used_by is not null"); n != 1 {
		t.Errorf("%d invitations are used", n)
	}
}

// killedDeletions kills the gateway in the midst of 50 deletions: each account is whole or gone, and the whole ones can be deleted.
func (g *gateway) killedDeletions(t *testing.T, again func()) {
	t.Helper()
	people := g.clones(t, g.newUser(t), 50)
	leaving := func(i int) call { return call{method: "DELETE", path: "/auth/me", bearer: people[i].access} }
	told, answered, enough := make([]bool, len(people)), atomic.Int64{}, make(chan struct{})
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			a, err := g.try(leaving(i))
			if told[i] = err == nil && a.status == 204; told[i] && answered.Add(1) == 5 {
				close(enough)
			}
		})
	}
	<-enough
	again()
	all.Wait()
	left := g.whole(t, people, told)
	for _, a := range g.atOnce(t, len(left), func(i int) call { return leaving(left[i]) }) {
		a.want(t, 204, "")
	}
	t.Logf("%d of %d were deleted before, %d are deleted again", answered.Load(), len(people), len(left))
	g.farewells(t, people)
	rows := string(g.contents(t)["the rows"])
	for _, u := range people {
		if strings.Contains(rows, u.email) || strings.Contains(rows, u.username) {
			t.Errorf("the database tells of %s", u.email)
		}
	}
}

// whole returns who is still there, as they were; everybody else is gone, and surely who was told so.
func (g *gateway) whole(t *testing.T, people []*user, told []bool) (left []int) {
	t.Helper()
	rows := map[string]map[string]int{}
	for table, column := range map[string]string{"users": "id", "identifiers": "user_id", "sessions": "account_id"} {
		rows[table] = map[string]int{}
		for _, row := range g.query(t, "select cast("+column+" as text) from "+table) {
			rows[table][row[0].(string)]++
		}
	}
	for i, u := range people {
		got := [3]int{rows["users"][u.id], rows["identifiers"][u.id], rows["sessions"][u.id]}
		switch {
		case got == [3]int{1, 2, 1} && !told[i]:
			left = append(left, i)
		case got != [3]int{}:
			t.Errorf("deleted %v, and %v rows of accounts, identifiers and sessions are there", told[i], got)
		}
	}
	return left
}

// farewells waits until everybody has got theirs.
func (g *gateway) farewells(t *testing.T, people []*user) {
	t.Helper()
	eventually(t, "everybody's farewell", func() bool {
		files, _ := filepath.Glob(filepath.Join(g.Dir, "data", "outbox", "*.eml"))
		var sent strings.Builder
		for _, name := range files {
			if text, err := os.ReadFile(name); err == nil && strings.Contains(string(text), "Gatehouse-Mail: account_deleted") {
				sent.Write(text)
			}
		}
		for _, u := range people {
			if !strings.Contains(sent.String(), u.email) {
				return false
			}
		}
		return true
	})
}

// clones makes accounts as good as u's, each with a session, without the work of their passwords.
func (g *gateway) clones(t *testing.T, u *user, n int) (people []*user) {
	t.Helper()
	key, claims, like := g.bearerKey(t), members(t, u.access, 1), map[string]string{}
	for _, table := range []string{"users", "sessions", "identifiers"} {
		columns := "select name from pragma_table_info('" + table + "')"
		if g.database != "" {
			columns = "select column_name::text from information_schema.columns where table_schema = 'public' and table_name = '" + table + "'"
		}
		var names []string
		for _, row := range g.query(t, columns) {
			if name := row[0].(string); name != "number" { // each account gets its own
				names = append(names, name)
			}
		}
		like[table] = strings.Join(names, ", ")
	}
	// copied is a row like another, but for some columns.
	copied := func(table, where string, but map[string]string) string {
		values := strings.Split(like[table], ", ")
		for i, name := range values {
			if value, ok := but[name]; ok {
				values[i] = value
			}
		}
		return "insert into " + table + " (" + like[table] + ") select " + strings.Join(values, ", ") + " from " + table + " where " + where + ";\n"
	}
	text := func(s string) string { return "'" + s + "'" }
	var script strings.Builder
	for range n {
		c := &user{email: freshEmail(), id: uuid.NewString(), sid: uuid.NewString()}
		c.username = "clone" + c.id[:8]
		digest := "'" + strings.ReplaceAll(c.sid, "-", "") + "'"
		if g.database == "" {
			digest = "x" + digest
		} else {
			digest = "decode(" + digest + ", 'hex')"
		}
		script.WriteString(copied("users", "id = '"+u.id+"'", map[string]string{"id": text(c.id), "email": text(c.email), "username": text(c.username)}))
		script.WriteString(copied("sessions", "id = '"+u.sid+"'", map[string]string{"id": text(c.sid), "account_id": text(c.id), "refresh_digest": digest}))
		for kind, value := range map[string]string{"email": c.email, "username": c.username} {
			script.WriteString(copied("identifiers", "user_id = '"+u.id+"' and kind = '"+kind+"'", map[string]string{"user_id": text(c.id), "value": text(value)}))
		}
		claims["sub"], claims["sid"], claims["jti"] = c.id, c.sid, uuid.NewString()
		signed, err := json.Marshal(claims)
		if err != nil {
			t.Fatal(err)
		}
		c.access = key.sign(t, key.alg, key.header(), string(signed))
		people = append(people, c)
	}
	g.exec(t, script.String())
	return people
}
