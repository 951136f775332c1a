package e2e

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
)

// poison is how a sender can try to put another host into a link.
var poison = map[string]map[string]string{
	"X-Forwarded-Host":   {"X-Forwarded-Host": "evil.example"},
	"X-Host":             {"X-Host": "evil.example", "X-Original-Host": "evil.example", "X-Forwarded-Server": "evil.example"},
	"Forwarded":          {"Forwarded": "for=1.2.3.4;host=evil.example;proto=https"},
	"X-Forwarded-Proto":  {"X-Forwarded-Proto": "javascript"},
	"X-Forwarded-Prefix": {"X-Forwarded-Prefix": "//evil.example", "X-Forwarded-Port": "666"},
	"Origin":             {"Origin": "https://evil.example", "Referer": "https://evil.example/"},
}

// hosts are odd targets and Host headers for a raw request.
var hosts = []struct{ target, host string }{
	{"/auth/password/forgot", "evil.example"},
	{"/auth/password/forgot", "evil.example:80"},
	{"/auth/password/forgot", "app:80@evil.example"},
	{"/auth/password/forgot", "127.0.0.1.evil.example"},
	{"http://evil.example/auth/password/forgot", "127.0.0.1"},
	{"http://127.0.0.1/auth/password/forgot", "evil.example"},
}

// TestR01_LinksNameTheConfiguredOrigin: with an issuer every link begins with it; without one, with an origin that the
// configuration names.
func TestR01_LinksNameTheConfiguredOrigin(t *testing.T) {
	t.Parallel()
	const catchAll = "http://:<port> {\n\tbind 127.0.0.1\n\tgatehouse\n\trespond 204\n}\n"
	const named = "http://127.0.0.1:<port>, http://localhost:<port> {\n\tbind 127.0.0.1\n\tgatehouse\n\trespond 204\n}\n"
	for name, c := range map[string]struct {
		plan plan
		good []string
	}{
		"issuer":      {plan{global: "\t\tissuer https://auth.example.com", site: catchAll}, []string{"https://auth.example.com/auth/"}},
		"named hosts": {plan{site: named}, []string{"http://127.0.0.1:<port>/auth/", "http://localhost:<port>/auth/"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := c.plan
			p.clock = true
			g := start(t, p)
			u := g.newUser(t)
			mails := 1
			check := func(what string) {
				t.Helper()
				mails++
				l := g.waitMail(t, u.email, mails)
				ok := false
				for _, good := range c.good {
					ok = ok || strings.HasPrefix(l.link, g.fill(good))
				}
				if !ok || bytes.Contains(l.raw, []byte("evil")) || bytes.Contains(l.raw, []byte("javascript")) {
					t.Errorf("%s: link %q", what, l.link)
				}
				g.advance(t, 61*time.Second)
			}
			g.advance(t, 61*time.Second)
			for what, header := range poison {
				g.api(t, "POST", "/password/forgot", object{"login": u.email}, call{header: header}).must(t, 202, "")
				check(what)
			}
			for _, h := range hosts {
				body := fmt.Sprintf(`{"login":%q}`, u.email)
				a := g.raw(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
					h.target, h.host, len(body), body))
				if a.status == 202 {
					check(h.target + " " + h.host)
				} else if name == "issuer" && a.status != 400 {
					t.Errorf("%v is answered %d", h, a.status)
				}
			}
			if n := len(g.mails(t, u.email)); n != mails {
				t.Errorf("%d mails, %d of them looked at", n, mails)
			}
		})
	}
}

// TestR02_ResetTokens: thousands of links are all different, and what is in the database is none of them.
func TestR02_ResetTokens(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	g.terminate(t)
	g.client.CloseIdleConnections()
	n := soak.N(1000, 10_000)
	var users, names strings.Builder
	for i := range n {
		sep := map[bool]string{true: ",", false: ""}[i%1000 > 0]
		id := uuid.NewString()
		fmt.Fprintf(&users, "%s('%s','r%d@example.com',1,'','','','','','[]','',0,0,null,1,1)", sep, id, i)
		fmt.Fprintf(&names, "%s('email','r%d@example.com','%s',1,1)", sep, i, id)
		if i%1000 == 999 {
			g.exec(t, "insert into users (id, email, email_verified_at, username, phone, first_name, last_name, avatar_url, roles, password_hash, epoch, "+
				"roles_version, disabled_at, created_at, updated_at) values "+users.String())
			g.exec(t, "insert into identifiers values "+names.String())
			users.Reset()
			names.Reset()
		}
	}
	g.restart(t)
	for at := 0; at < n; at += 10 {
		for _, a := range g.atOnce(t, 10, func(i int) call {
			return call{method: "POST", path: "/auth/password/forgot", body: object{"login": fmt.Sprintf("r%d@example.com", at+i)}}
		}) {
			a.must(t, 202, "")
		}
		if (at+10)%1000 == 0 {
			g.settle(t)
		}
	}
	files, err := filepath.Glob(filepath.Join(g.Dir, "data", "outbox", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	seen, codes := map[string]bool{}, map[string]int{}
	typed, drawn := map[string]bool{}, map[string]bool{} // how tokens begin, as text and as bytes
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		l := readLetter(t, raw)
		secret, err := base64.RawURLEncoding.DecodeString(l.token)
		if err != nil || len(secret) < 16 || seen[l.token] {
			t.Fatalf("a token of %d bytes, seen before: %v (%v)", len(secret), seen[l.token], err)
		}
		seen[l.token] = true
		codes[l.code]++
		typed[l.token[:24]], drawn[string(secret[:16])] = true, true
	}
	for dump := g.dump(t); len(dump) >= 24; dump = dump[1:] {
		if typed[string(dump[:24])] || drawn[string(dump[:16])] {
			t.Fatal("the database holds a usable token")
		}
	}
	if len(seen) != n || len(codes) < n*99/100 {
		t.Errorf("%d tokens, %d codes", len(seen), len(codes))
	}
}

// dump is every byte of the SQLite files.
func (g *gateway) dump(t testing.TB) []byte {
	t.Helper()
	var all []byte
	for _, suffix := range []string{"", "-wal"} {
		text, err := os.ReadFile(g.sqlitePath() + suffix)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	if len(all) == 0 {
		t.Fatal("there is no database file")
	}
	return all
}

// TestR02_OnceAndInTime: codes and links die by use and at the end of their life, to the second.
func TestR02_OnceAndInTime(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	u := g.newUser(t)
	reset := func(body object) answer {
		body["new_password"] = chosenPassword
		return g.api(t, "POST", "/password/reset", body)
	}
	mails := 1
	forgot := func() letter {
		g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
		mails++
		return g.waitMail(t, u.email, mails)
	}
	late := forgot()
	g.advance(t, 10*time.Minute+time.Second)
	reset(object{"login": u.email, "otp": late.code}).want(t, 400, "invalid_code")
	g.advance(t, 50*time.Minute)
	reset(object{"token": late.token}).want(t, 400, "invalid_code")
	inTime := forgot()
	if !strings.Contains(inTime.text, "10 minutes") || !strings.Contains(inTime.text, "1 hour") {
		t.Errorf("the mail does not say how long code and link work:\n%s", inTime.text)
	}
	g.advance(t, 59*time.Minute+30*time.Second)
	reset(object{"token": inTime.token}).empty(t, 204)
	mails++ // the notice
	reset(object{"token": inTime.token}).want(t, 400, "invalid_code")
	reset(object{"login": u.email, "otp": inTime.code}).want(t, 400, "invalid_code")
	// A GET or HEAD uses nothing (R07): mail scanners follow every link.
	scanned := forgot()
	for _, method := range []string{"GET", "HEAD"} {
		g.do(t, call{method: method, path: strings.TrimPrefix(scanned.link, g.url("")), header: page})
	}
	reset(object{"token": scanned.token}).empty(t, 204)
}

// TestR04_ResetSignsNobodyIn: whoever reads the mail has a new password and has yet to sign in, with all that this takes.
func TestR04_ResetSignsNobodyIn(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	token := g.waitMail(t, u.email, 2).token
	a := g.api(t, "POST", "/password/reset", object{"token": token, "new_password": chosenPassword, "cookies": true}).empty(t, 204)
	if len(a.setCookies(t)) > 0 {
		t.Errorf("a reset sets cookies: %v", a.header)
	}
	if n := g.count(t, "select count(*) from sessions where account_id = '"+u.id+"' and revoked_at is null"); n != 0 {
		t.Errorf("%d sessions are live after a reset", n)
	}
}

// TestR05_ResetClearsTheField: nothing that was there before outlives a reset.
func TestR05_ResetClearsTheField(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "\t\tsignup open"})
	email := freshEmail()
	g.api(t, "POST", "/register", object{"email": email, "password": password, "username": "r05"}).must(t, 201, "")
	verify := g.waitMail(t, email, 1)
	g.api(t, "POST", "/verify", object{"token": verify.token, "password": password}).must(t, 200, "")
	program, browser := &user{}, &user{}
	program.take(t, g.api(t, "POST", "/login", object{"login": email, "password": password}))
	browser.take(t, g.api(t, "POST", "/login", object{"login": email, "password": password, "cookies": true}))
	g.do(t, call{path: "/app", cookies: browser.cookies}).must(t, 200, "") // it is in the cache of verified tokens
	g.do(t, call{path: "/app", bearer: program.access}).must(t, 200, "")
	g.api(t, "POST", "/password/forgot", object{"login": email}).must(t, 202, "")
	older := g.ofKind(t, email, "reset_password")
	g.advance(t, 61*time.Second)
	g.api(t, "POST", "/password/forgot", object{"login": "r05"}).must(t, 202, "")
	newer := g.nthOfKind(t, email, "reset_password", 2)
	for range 5 { // a lock, too
		g.attempt(t, email, "wrong granite lantern 7").want(t, 401, "invalid_credentials")
	}
	g.attempt(t, email, password).want(t, 429, "account_locked")
	g.api(t, "POST", "/password/reset", object{"token": older.token, "new_password": chosenPassword}).want(t, 400, "invalid_code")
	g.api(t, "POST", "/password/reset", object{"token": newer.token, "new_password": chosenPassword}).empty(t, 204)
	g.familyDead(t, []string{program.access}, []string{program.refresh})
	g.do(t, call{path: "/app", cookies: browser.cookies}).want(t, 401, "invalid_token")
	g.api(t, "POST", "/refresh", nil, call{cookies: browser.cookies}).want(t, 401, "invalid_refresh_token")
	for _, l := range []letter{older, newer} {
		g.api(t, "POST", "/password/reset", object{"token": l.token, "new_password": mallorysPassword}).want(t, 400, "invalid_code")
	}
	g.api(t, "POST", "/password/reset", object{"login": email, "otp": newer.code, "new_password": mallorysPassword}).want(t, 400, "invalid_code")
	g.api(t, "POST", "/verify", object{"token": verify.token, "new_password": mallorysPassword}).want(t, 400, "invalid_code")
	g.attempt(t, email, password).want(t, 401, "invalid_credentials")
	g.attempt(t, email, chosenPassword).pair(t, false)
}

// TestR13_MailBomb: asking for somebody's mails without end sends five an hour, and never answers otherwise.
func TestR13_MailBomb(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true, global: "\t\trate_limit mail 5/1h\n\t\totp {\n\t\t\tresend_after 1s\n\t\t}"})
	u := g.newUser(t) // its first mail
	unknown := g.api(t, "POST", "/password/forgot", object{"login": freshEmail()}).must(t, 202, "")
	for i := range 40 {
		g.advance(t, 2*time.Second)
		login := []string{u.email, u.username, strings.ToUpper(u.email)}[i%3]
		a := g.api(t, "POST", "/password/forgot", object{"login": login}).must(t, 202, "")
		if string(a.body) != string(unknown.body) {
			t.Fatalf("answer %d is %s", i, a.body)
		}
		if i%10 == 0 {
			g.register(t, object{"email": u.email, "password": password}) // the notice counts as well
		}
	}
	g.settle(t)
	mails := g.mails(t, u.email)
	if len(mails) != 5 {
		t.Errorf("%d mails in two minutes", len(mails))
	}
	// What sends no more leaves the owner with a newest link that works.
	var newest letter
	for _, l := range mails {
		if l.token != "" {
			newest = l
		}
	}
	g.advance(t, 55*time.Minute)
	g.api(t, "POST", "/password/reset", object{"token": newest.token, "new_password": chosenPassword}).empty(t, 204)
	g.advance(t, time.Hour)
	g.api(t, "POST", "/password/forgot", object{"login": u.email}).must(t, 202, "")
	g.waitMail(t, u.email, 7) // the notice of the change was the sixth
}
