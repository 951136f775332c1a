package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testmail"
)

const password = "winter granite lantern 7"

var userNumber atomic.Int64

// user is an account with a session: tokens for a program, or cookies for a browser.
type user struct {
	email, username, password string
	id, sid                   string
	access, refresh           string
	cookies                   map[string]string
}

// profile is what a new user says of themselves; empty fields are made up or left out.
type profile struct {
	email, username, password, firstName, lastName string
}

// newUser registers and verifies an account, and is signed in with tokens. It costs one password hash.
func (g *gateway) newUser(t testing.TB, about ...profile) *user {
	t.Helper()
	return g.enrol(t, false, about...)
}

// newBrowser registers and verifies an account, and is signed in with cookies.
func (g *gateway) newBrowser(t testing.TB, about ...profile) *user {
	t.Helper()
	return g.enrol(t, true, about...)
}

func (g *gateway) enrol(t testing.TB, cookies bool, about ...profile) *user {
	t.Helper()
	var p profile
	if len(about) > 0 {
		p = about[0]
	}
	n := userNumber.Add(1)
	if p.email == "" {
		p.email = fmt.Sprintf("user%d@example.com", n)
	}
	if p.username == "" {
		p.username = fmt.Sprintf("user%d", n)
	}
	if p.password == "" {
		p.password = password
	}
	body := map[string]any{"email": p.email, "username": p.username, "password": p.password}
	if p.firstName != "" {
		body["first_name"] = p.firstName
	}
	if p.lastName != "" {
		body["last_name"] = p.lastName
	}
	registered := g.api(t, "POST", "/register", body).must(t, 202, "")
	letter := g.waitMail(t, p.email, 1)
	a := g.api(t, "POST", "/verify", map[string]any{"email": p.email, "otp": letter.code,
		"registration": registered.text("registration"), "cookies": cookies}).must(t, 200, "")
	u := &user{email: p.email, username: p.username, password: p.password}
	u.take(t, a)
	return u
}

// take keeps the tokens or cookies of an answer.
func (u *user) take(t testing.TB, a answer) {
	t.Helper()
	u.access, u.refresh, u.sid = a.text("access_token"), a.text("refresh_token"), a.text("session_id")
	if account, ok := a.json(t)["user"].(map[string]any); ok {
		u.id, _ = account["id"].(string)
	}
	u.takeCookies(t, a)
}

// takeCookies does with an answer's cookies what a browser does.
func (u *user) takeCookies(t testing.TB, a answer) {
	t.Helper()
	for name, c := range a.setCookies(t) {
		if strings.HasSuffix(name, "_device") { // it is of no session, and outlives them all
			continue
		}
		if u.cookies == nil {
			u.cookies = map[string]string{}
		}
		if c.MaxAge < 0 {
			delete(u.cookies, name)
		} else {
			u.cookies[name] = c.Value
		}
	}
}

// signIn returns another session of the user. It costs one password hash.
func (g *gateway) signIn(t testing.TB, u *user, cookies bool) *user {
	t.Helper()
	a := g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": u.password, "cookies": cookies}).must(t, 200, "")
	s := &user{email: u.email, username: u.username, password: u.password}
	s.take(t, a)
	return s
}

// letter is a mail from the outbox.
type letter struct {
	to, subject, text, html string
	raw                     []byte
	code, link, token       string // those of [testmail.Mail]
}

// newSignIn begins the subject of the mails that most tests do not ask for: each of their sign-ins comes from a device that is new.
const newSignIn = "New sign-in"

// mails returns the letters to an address, oldest first.
func (g *gateway) mails(t testing.TB, address string) []letter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.Dir, "data", "outbox", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	var out []letter
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(raw, []byte(address)) {
			continue
		}
		if l := readLetter(t, raw); l.to == address && !strings.HasPrefix(l.subject, newSignIn) {
			out = append(out, l)
		}
	}
	return out
}

// waitMail waits until n letters have gone to an address, and returns the nth.
func (g *gateway) waitMail(t testing.TB, address string, n int) letter {
	t.Helper()
	var got []letter
	eventually(t, fmt.Sprintf("mail %d to %s", n, address), func() bool {
		got = g.mails(t, address)
		return len(got) >= n
	})
	return got[n-1]
}

func readLetter(t testing.TB, raw []byte) letter {
	t.Helper()
	m := testmail.Read(t, raw)
	return letter{raw: raw, to: m.To, subject: m.Subject, text: m.Text, html: m.HTML, code: m.Code, link: m.Link, token: m.Token}
}
