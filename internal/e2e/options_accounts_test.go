package e2e

import (
	"crypto/sha1"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

func TestOption_signup(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	waiting := freshEmail()
	proof := g.register(t, object{"email": waiting, "password": password}).text("registration")
	token := g.waitMail(t, waiting, 1).token

	g.restartWith(t, plan{clock: true, global: "\t\tsignup closed"})
	for _, body := range []object{{"email": freshEmail(), "password": password}, {"email": waiting, "password": password}, {}} {
		g.api(t, "POST", "/register", body).problem(t, 403, "signup_closed")
	}
	// What waits already can still be proven.
	g.api(t, "POST", "/verify", object{"token": token, "registration": proof}).pair(t, false)

	g.restartWith(t, plan{clock: true, global: "\t\tsignup open"})
	u := g.newOpenUser(t, "open.user")
	a := g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "").json(t)
	if userShape.check(t, "the user", a); a["email_verified"] != false {
		t.Errorf("with signup open: %v", a)
	}
	for field, body := range map[string]object{"email": {"email": strings.ToUpper(u.email), "password": password},
		"username": {"email": freshEmail(), "username": "Open.User", "password": password}} {
		if got := g.api(t, "POST", "/register", body).problem(t, 409, "conflict"); got[field] == nil || len(got) != 1 {
			t.Errorf("the fields of a conflict over %s are %v", field, got)
		}
	}
	g.restartWith(t, plan{clock: true, global: "\t\tsignup verified"})
	g.register(t, object{"email": freshEmail(), "password": password})
	g.attempt(t, u.email, password).want(t, 403, "account_not_verified")
}

// TestOption_signup_send_code: with off a registration sends nothing, and /verify/resend does.
func TestOption_signup_send_code(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup verified {\n\t\t\tsend_code off\n\t\t}"})
	email := freshEmail()
	a := g.api(t, "POST", "/register", object{"email": email, "password": password}).must(t, 202, "").json(t)
	if a["status"] != "verification_required" || a["channel"] != "email" || a["expires_in"] != float64(24*60*60) {
		t.Errorf("%v", a)
	}
	g.settle(t)
	if n := len(g.mails(t, email)); n != 0 {
		t.Fatalf("%d mails before one was asked for", n)
	}
	g.api(t, "POST", "/verify/resend", object{"email": email}).must(t, 202, "")
	g.api(t, "POST", "/verify", object{"token": g.waitMail(t, email, 1).token, "registration": a["registration"]}).pair(t, false)
}

// TestOption_signup_deferred: an address is pending until its code comes back; the first of several who have it pending gets it.
func TestOption_signup_deferred(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsignup open {\n\t\t\tdeferred\n\t\t}"})
	email := freshEmail()
	bearers := map[string]call{}
	for _, name := range []string{"first.one", "second.one"} {
		a := g.api(t, "POST", "/register", object{"email": email, "username": name, "password": password}).must(t, 201, "").json(t)["user"].(map[string]any)
		pending, _ := a["pending"].([]any)
		if a["email"] != "" || len(pending) != 1 || pending[0].(map[string]any)["address"] != email {
			t.Fatalf("%v", a)
		}
		bearers[name] = call{bearer: g.attempt(t, name, password).must(t, 200, "").text("access_token")}
	}
	token := g.waitMail(t, email, 1).token
	confirmed := g.api(t, "POST", "/me/email/confirm", object{"token": token}, bearers["first.one"]).must(t, 200, "").json(t)
	if confirmed["email"] != email || confirmed["email_verified"] != true {
		t.Errorf("%v", confirmed)
	}
	g.api(t, "POST", "/me/email/confirm", object{"otp": "123456"}, bearers["second.one"]).want(t, 400, "invalid_code")
	left := g.api(t, "GET", "/me", nil, bearers["second.one"]).must(t, 200, "").json(t)
	if pending, _ := left["pending"].([]any); len(pending) != 0 || left["email"] != "" {
		t.Errorf("the second: %v", left)
	}
}

// TestOption_identities: a field that is not listed signs nobody in, recovers nothing and may be anybody's.
func TestOption_identities(t *testing.T) {
	t.Parallel()
	const shared = "shared@example.com"
	t.Run("username", func(t *testing.T) {
		t.Parallel()
		g := start(t, plan{global: "\t\tsignup open\n\t\tidentities username"})
		for _, name := range []string{"first", "second"} {
			g.api(t, "POST", "/register", object{"email": shared, "username": name, "password": password}).must(t, 201, "")
			g.attempt(t, name, password).pair(t, false)
		}
		g.api(t, "POST", "/register", object{"email": freshEmail(), "username": "First", "password": password}).want(t, 409, "conflict")
		g.attempt(t, shared, password).want(t, 401, "invalid_credentials")
		g.settle(t)
		before := len(g.mails(t, shared))
		g.api(t, "POST", "/password/forgot", object{"login": shared}).must(t, 202, "")
		g.settle(t)
		if n := len(g.mails(t, shared)); n != before {
			t.Errorf("%d mails for a login that recovers nothing", n-before)
		}
	})
	t.Run("email", func(t *testing.T) {
		t.Parallel()
		g := start(t, plan{global: "\t\tsignup open\n\t\tidentities email"})
		for range 2 {
			email := freshEmail()
			g.api(t, "POST", "/register", object{"email": email, "username": "same.name", "password": password}).must(t, 201, "")
			g.attempt(t, email, password).pair(t, false)
		}
		g.attempt(t, "same.name", password).want(t, 401, "invalid_credentials")
		g.api(t, "POST", "/register", object{"email": shared, "password": password}).must(t, 201, "")
		g.api(t, "POST", "/register", object{"email": shared, "password": password}).want(t, 409, "conflict")
	})
}

func TestOption_otp_length(t *testing.T) {
	t.Parallel()
	for line, digits := range map[string]int{"": 6, "\t\totp {\n\t\t\tlength 10\n\t\t}": 10} {
		g := start(t, plan{global: line})
		email := freshEmail()
		proof := g.register(t, object{"email": email, "password": password}).text("registration")
		code := g.waitMail(t, email, 1).code
		if len(code) != digits {
			t.Errorf("the code has %d digits, expected %d", len(code), digits)
		}
		g.api(t, "POST", "/verify", object{"email": email, "otp": code[:digits-1], "registration": proof}).want(t, 400, "invalid_code")
		g.api(t, "POST", "/verify", object{"email": email, "otp": code, "registration": proof}).pair(t, false)
	}
}

func TestOption_otp_lifetime(t *testing.T) {
	t.Parallel()
	for lifetime, c := range map[string]struct {
		d     time.Duration
		words string
	}{"2m": {2 * time.Minute, "2 minutes"}, "3h": {3 * time.Hour, "3 hours"}} {
		g := start(t, plan{clock: true, global: "\t\totp {\n\t\t\tlifetime " + lifetime + "\n\t\t}"})
		email, late := freshEmail(), freshEmail()
		a := g.register(t, object{"email": email, "password": password})
		b := g.register(t, object{"email": late, "password": password})
		if got := a.json(t)["expires_in"]; got != c.d.Seconds() {
			t.Errorf("expires_in is %v", got)
		}
		l, m := g.waitMail(t, email, 1), g.waitMail(t, late, 1)
		if !strings.Contains(l.text, c.words) {
			t.Errorf("the mail does not say %s:\n%s", c.words, l.text)
		}
		g.advance(t, c.d-30*time.Second)
		g.api(t, "POST", "/verify", object{"token": l.token, "registration": a.text("registration")}).pair(t, false)
		g.advance(t, 31*time.Second)
		g.api(t, "POST", "/verify", object{"token": m.token, "registration": b.text("registration")}).want(t, 400, "invalid_code")
		g.api(t, "POST", "/verify", object{"email": late, "otp": m.code, "registration": b.text("registration")}).want(t, 400, "invalid_code")
	}
}

func TestOption_otp_attempts(t *testing.T) {
	t.Parallel()
	for line, attempts := range map[string]int{"attempts 1": 1, "attempts 8": 8} {
		g := start(t, plan{global: "\t\totp {\n\t\t\t" + line + "\n\t\t}"})
		email, unknown := freshEmail(), freshEmail()
		proof := g.register(t, object{"email": email, "password": password}).text("registration")
		code := g.waitMail(t, email, 1).code
		for i := range attempts {
			for _, address := range []string{email, unknown} {
				g.api(t, "POST", "/verify", object{"email": address, "otp": wrongCode(code, i), "registration": proof}).want(t, 400, "invalid_code")
			}
		}
		for _, address := range []string{email, unknown} {
			g.api(t, "POST", "/verify", object{"email": address, "otp": code, "registration": proof}).want(t, 429, "too_many_attempts")
		}
	}
}

func TestOption_otp_resend_after(t *testing.T) {
	t.Parallel()
	for wait, d := range map[string]time.Duration{"10s": 10 * time.Second, "20m": 20 * time.Minute} {
		g := start(t, plan{clock: true, global: "\t\totp {\n\t\t\tresend_after " + wait + "\n\t\t}"})
		email := freshEmail()
		g.register(t, object{"email": email, "password": password})
		resend := func() int {
			g.api(t, "POST", "/verify/resend", object{"email": email}).must(t, 202, "")
			g.settle(t)
			return len(g.mails(t, email))
		}
		g.waitMail(t, email, 1)
		g.advance(t, d/2)
		if n := resend(); n != 1 {
			t.Errorf("half of %s later %d mails are out", wait, n)
		}
		g.advance(t, d/2+time.Second)
		if n := resend(); n != 2 {
			t.Errorf("after %s %d mails are out", wait, n)
		}
	}
}

func TestOption_password_min_length(t *testing.T) {
	t.Parallel()
	passwords := map[int]string{8: "k7 zq4vw", 11: "k7 zq4vw xj", 12: "k7 zq4vw xj3", 15: "k7 zq4vw xj3 m9"}
	for line, least := range map[string]int{"": 12, "\t\tpassword {\n\t\t\tmin_length 8\n\t\t}": 8, "\t\tpassword {\n\t\t\tmin_length 15\n\t\t}": 15} {
		g := start(t, plan{global: line})
		for n, p := range passwords {
			a := g.api(t, "POST", "/register", object{"email": freshEmail(), "password": p})
			if n >= least {
				a.must(t, 202, "")
			} else {
				a.invalid(t, "password")
			}
		}
	}
}

// min_length_mfa holds for who has second factors on, who then cannot switch them off.
func TestOption_password_min_length_mfa(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tpassword {\n\t\t\tmin_length_mfa 9\n\t\t}"})
	u := g.newUser(t)
	change := func(to string) answer {
		return g.api(t, "POST", "/me/password", object{"current_password": u.password, "new_password": to}, call{bearer: u.access})
	}
	change("k7 zq4vw xj").invalid(t, "new_password")
	on := g.api(t, "POST", "/factors", object{"type": "totp"}, call{bearer: u.access}).must(t, 201, "")
	confirm := object{"code": testotp.Code(t, on.text("secret"), time.Now()), "enable_2fa": true}
	codes, _ := g.api(t, "POST", "/factors/"+on.text("id")+"/confirm", confirm, call{bearer: u.access}).must(t, 200, "").json(t)["recovery_codes"].([]any)
	change("k7 zq4vw").invalid(t, "new_password")
	change("k7 zq4vw x").must(t, 204, "")
	in := g.api(t, "POST", "/login", object{"login": u.email, "password": "k7 zq4vw x", "otp": codes[0]}).must(t, 200, "")
	g.api(t, "DELETE", "/2fa", nil, call{bearer: in.text("access_token")}).must(t, 409, "password_too_short")
}

// breached refuses the passwords of the file that a reload has opened; a damaged or missing file is refused, and the former one stays.
func TestOption_password_breached(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "breached")
	build := func(password string) { buildBreached(t, file, password) }
	build(chosenPassword)
	p := plan{global: "\t\tpassword {\n\t\t\tbreached " + file + "\n\t\t}"}
	g := start(t, p)
	u := g.newUser(t)
	try := func(password string) answer {
		return g.api(t, "POST", "/me/password", object{"current_password": u.password, "new_password": password}, call{bearer: u.access})
	}
	try(chosenPassword).invalid(t, "new_password", "password")
	g.api(t, "POST", "/register", object{"email": freshEmail(), "password": chosenPassword}).invalid(t, "password")

	for what, spoil := range map[string]func() error{"damaged": func() error { return os.WriteFile(file+"x", make([]byte, 1<<16), 0o600) }, "missing": func() error { return nil }} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		wrong := plan{global: strings.Replace(p.global, file, file+"x", 1)}
		if complaint, err := g.reload(wrong); err != nil || !strings.Contains(complaint, "breached") {
			t.Errorf("%s: a reload says %q, %v", what, complaint, err)
		}
		if err := os.RemoveAll(file + "x"); err != nil {
			t.Fatal(err)
		}
	}
	build(password)
	try(chosenPassword).invalid(t, "new_password", "password")
	g.mustReload(t, p)
	g.api(t, "POST", "/register", object{"email": freshEmail(), "password": password}).invalid(t, "password")
	try(chosenPassword).must(t, 204, "")
}

// buildBreached makes the file of one breached password.
func buildBreached(t *testing.T, file, password string) {
	t.Helper()
	list := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(list, fmt.Appendf(nil, "%X:1\n", sha1.Sum([]byte(password))), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, code := shared(t).Command(t, "breached", "build", list, file); code != 0 {
		t.Fatalf("build: %s %s", out, errs)
	}
}

// breached_at_login: a password that became known after it was chosen is told of once, or signs nobody in any more.
func TestOption_password_breached_at_login(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "breached")
	buildBreached(t, file, password)
	option := func(at string) plan {
		return plan{global: "\t\tpassword {\n\t\t\tbreached " + file + "\n\t\t\tbreached_at_login " + at + "\n\t\t}"}
	}
	g := start(t, plan{})
	u := g.newUser(t)
	g.restartWith(t, option("notify"))
	for range 2 {
		g.attempt(t, u.email, password).pair(t, false)
	}
	if m := g.waitMail(t, u.email, 2); !strings.Contains(m.text, "stolen passwords") {
		t.Errorf("the mail says %s", m.text)
	}
	g.restartWith(t, option("reset"))
	g.attempt(t, u.email, password).problem(t, 403, "password_reset_required")
	reset := g.waitMail(t, u.email, 3) // the second notice would be the third
	g.api(t, "POST", "/password/reset", object{"token": reset.token, "new_password": chosenPassword}).empty(t, 204)
	g.attempt(t, u.email, chosenPassword).pair(t, false)
}

func TestOption_password_max_length(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	text := strings.Repeat("granite lantern velvet 9 harbour ", 10)
	long := g.newUser(t, profile{password: text[:100]})
	for line, most := range map[string]int{"": 256, "\t\tpassword {\n\t\t\tmax_length 64\n\t\t}": 64, "\t\tpassword {\n\t\t\tmax_length 300\n\t\t}": 300} {
		g.restartWith(t, plan{global: line})
		g.register(t, object{"email": freshEmail(), "password": text[:most]})
		g.api(t, "POST", "/register", object{"email": freshEmail(), "password": text[:most+1]}).invalid(t, "password")
		g.signIn(t, long, false) // what was set before stays good
	}
}

// TestOption_admins: the role is there for a verified address alone, goes with the option on every node although nothing else has
// changed, and is stored nowhere.
func TestOption_admins(t *testing.T) {
	t.Parallel()
	const option = "\n\t\tadmins Ops@Example.com"
	p := plan{global: "\t\tsignup open", guard: "require role admin"}
	with := p
	with.global += option
	g := start(t, with)
	g.api(t, "POST", "/register", object{"email": "ops@example.com", "password": password}).must(t, 201, "")
	u := &user{email: "ops@example.com", password: password}
	u.take(t, g.attempt(t, u.email, password))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 403, "forbidden")
	u.take(t, g.api(t, "POST", "/verify", object{"email": u.email, "otp": g.waitMail(t, u.email, 1).code, "password": password}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	if me := g.api(t, "GET", "/me", nil, call{bearer: u.access}).json(t); fmt.Sprint(me["roles"]) != "[admin]" {
		t.Errorf("roles are %v", me["roles"])
	}
	if _, errs, code := g.Command(t, "user", "role", "remove", u.email, "admin", "--config", "Caddyfile", "--json"); code != 4 || !strings.Contains(errs, "managed_by_configuration") {
		t.Errorf("taking the role ends with %d: %s", code, errs)
	}
	if _, errs, code := g.Command(t, "user", "disable", u.email, "--config", "Caddyfile"); code != 4 {
		t.Errorf("disabling the last administrator ends with %d: %s", code, errs)
	}
	g.mustReload(t, p)
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token")
	u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 403, "forbidden")
	g.mustReload(t, with)
	g.client.CloseIdleConnections()
	u.take(t, g.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, ""))
	g.do(t, call{path: "/x", bearer: u.access}).want(t, 200, "")
	if n := g.count(t, "select count(*) from users where roles <> '[]'"); n != 0 {
		t.Errorf("%d accounts have a role stored", n)
	}
	if n := g.count(t, "select count(*) from settings where value like '%example%'"); n != 0 {
		t.Errorf("the address is readable in the database")
	}
}

// TestOption_invitations: who may invite, and sign-up by invitation with each step on the other node.
func TestOption_invitations(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{global: "\t\tsignup invite\n\t\tinvitations role lead\n"})
	a.api(t, "POST", "/register", object{"email": "eve@example.com", "password": password}).want(t, 403, "invitation_required")
	a.operatorJSON(t, "invite", "create", "--email", "lead@example.com", "--role", "lead")
	token := a.waitMail(t, "lead@example.com", 1).token
	b.api(t, "POST", "/register", object{"invitation": token, "email": "eve@example.com", "password": password}).want(t, 400, "invalid_invitation")
	b.api(t, "POST", "/register", object{"invitation": token, "password": password}).must(t, 201, "")
	a.api(t, "POST", "/register", object{"invitation": token, "password": password}).want(t, 400, "invalid_invitation")
	lead := &user{email: "lead@example.com", password: password}
	lead.take(t, a.attempt(t, lead.email, password))

	made := b.api(t, "POST", "/invitations", object{}, call{bearer: lead.access}).must(t, 201, "").json(t)
	free, ok := made["token"].(string)
	if !ok || made["invited_by"] != lead.id {
		t.Fatalf("made %v", made)
	}
	proof := a.api(t, "POST", "/register", object{"invitation": free, "email": "bob@example.com", "password": password}).must(t, 202, "").text("registration")
	bob := &user{email: "bob@example.com", password: password}
	bob.take(t, b.api(t, "POST", "/verify", object{"email": bob.email, "otp": a.waitMail(t, bob.email, 1).code, "registration": proof}).must(t, 200, ""))
	if me := a.api(t, "GET", "/me", nil, call{bearer: bob.access}).json(t); me["invited_by"] != lead.id {
		t.Errorf("bob is %v", me)
	}
	a.api(t, "POST", "/invitations", object{}, call{bearer: bob.access}).want(t, 403, "forbidden")
	a.api(t, "POST", "/invitations", object{"roles": []string{"lead"}}, call{bearer: lead.access}).want(t, 403, "forbidden")

	// Of 50 who come at once with one invitation one gets an account, on whichever node.
	once := a.api(t, "POST", "/invitations", object{"email": "once@example.com"}, call{bearer: lead.access}).must(t, 201, "").json(t)
	token = a.waitMail(t, "once@example.com", 1).token
	got := tally(a.atOnce(t, 50, func(i int) call {
		base := "http://" + []*gateway{a, b}[i%2].Host()
		return call{method: "POST", path: "/auth/register", base: base, body: object{"invitation": token, "password": password}}
	}))
	if got["201"] != 1 || got["201"]+got["400 invalid_invitation"]+got["503 unavailable"] != 50 || once["token"] != nil {
		t.Errorf("with one invitation: %v", got)
	}
	if n := a.count(t, "select count(*) from users where email = 'once@example.com'"); n != 1 {
		t.Errorf("%d accounts of one invitation", n)
	}

	// What the inviter may not do any more is gone on every node.
	open := a.api(t, "POST", "/invitations", object{}, call{bearer: lead.access}).must(t, 201, "").json(t)
	b.operatorJSON(t, "user", "role", "remove", lead.email, "lead")
	a.api(t, "POST", "/register", object{"invitation": open["token"], "email": "late@example.com", "password": password}).want(t, 400, "invalid_invitation")
	for outcome, want := range map[string]float64{"created": 4, "used": 3, "revoked": 1} {
		if n := a.metric(t, `gatehouse_invitations_total{outcome="`+outcome+`"}`) + b.metric(t, `gatehouse_invitations_total{outcome="`+outcome+`"}`); n != want {
			t.Errorf("%v invitations are counted as %s, want %v", n, outcome, want)
		}
	}
}

func TestOption_invitations_pending(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tinvitations users {\n\t\t\tpending 2\n\t\t}\n"})
	u := g.newUser(t)
	for range 2 {
		g.api(t, "POST", "/invitations", object{}, call{bearer: u.access}).must(t, 201, "")
	}
	g.api(t, "POST", "/invitations", object{}, call{bearer: u.access}).want(t, 409, "limit_reached")
}

func TestOption_invitations_lifetime(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tinvitations users {\n\t\t\tlifetime 1s\n\t\t}\n"})
	u := g.newUser(t)
	made := g.api(t, "POST", "/invitations", object{}, call{bearer: u.access}).must(t, 201, "").json(t)
	eventually(t, "the invitation has expired", func() bool {
		return g.api(t, "POST", "/register", object{"invitation": made["token"], "email": "x", "password": "x"}).text("code") == "invalid_invitation"
	})
}

// TestL22_SetUpOnTwoNodes: 20 that use the link at once, on both nodes: one administrator; later there is nothing.
func TestL22_SetUpOnTwoNodes(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{})
	link, err := url.Parse(a.operatorJSON(t, "user", "setup-link")["link"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if n := a.count(t, "select count(*) from events where kind = 'admin.users.setup_link' and result = 'success' and actor_via = 'operator'"); n != 1 {
		t.Errorf("%d events tell of the link", n)
	}
	set := func(g *gateway, token, email string) answer {
		return g.api(t, "POST", "/setup", object{"token": token, "email": email, "password": password})
	}
	b.api(t, "POST", "/setup", object{"token": "wrong", "email": "ops@example.com", "password": password}).want(t, 400, "invalid_code")
	var all sync.WaitGroup
	answers := make([]answer, 20)
	for i := range answers {
		all.Go(func() {
			answers[i] = set([]*gateway{a, b}[i%2], link.Query().Get("token"), fmt.Sprintf("ops%d@example.com", i))
		})
	}
	all.Wait()
	made := 0
	for _, x := range answers {
		if x.status == 201 {
			made++
		} else {
			x.want(t, 404, "not_found")
		}
	}
	if made != 1 || a.count(t, "select count(*) from users") != 1 {
		t.Errorf("%d administrators", made)
	}
	set(b, link.Query().Get("token"), "late@example.com").want(t, 404, "not_found")
}

// TestOption_user_field: fields are told of to apps, given at sign-up and kept until the address is verified, shown and changed, each
// step on the other node.
func TestOption_user_field(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{global: "\t\tuser_field team text {\n\t\t\trequired\n\t\t}\n\t\tuser_field size choice {\n\t\t\tvalues small large\n\t\t}\n"})
	offered, _ := a.api(t, "GET", "/config", nil).must(t, 200, "").json(t)["user_fields"].([]any)
	if want := []any{
		map[string]any{"name": "team", "type": "text", "required": true, "values": []any{}},
		map[string]any{"name": "size", "type": "choice", "required": false, "values": []any{"small", "large"}},
	}; !reflect.DeepEqual(offered, want) {
		t.Errorf("offered %v", offered)
	}
	email := freshEmail()
	in := object{"email": email, "password": password, "locale": "de", "fields": object{"size": "small"}}
	if got := a.api(t, "POST", "/register", in).problem(t, 422, "invalid_fields"); got["fields.team"] == nil || len(got) != 1 {
		t.Errorf("without a required field: %v", got)
	}
	in["fields"] = object{"team": "blue", "size": "small"}
	proof := a.api(t, "POST", "/register", in).must(t, 202, "").text("registration")
	mail := a.waitMail(t, email, 1)
	u := &user{email: email, password: password}
	u.take(t, b.api(t, "POST", "/verify", object{"token": mail.token, "registration": proof}).must(t, 200, ""))
	me := call{bearer: u.access}
	if got := a.api(t, "GET", "/me", nil, me).json(t); got["locale"] != "de" || !reflect.DeepEqual(got["fields"], map[string]any{"team": "blue", "size": "small"}) {
		t.Errorf("%v %v", got["locale"], got["fields"])
	}
	a.api(t, "PATCH", "/me", object{"fields": object{"size": nil, "team": "red"}}, me).must(t, 200, "")
	if got := b.api(t, "GET", "/me", nil, me).json(t)["fields"]; !reflect.DeepEqual(got, map[string]any{"team": "red"}) {
		t.Errorf("on the other node: %v", got)
	}
	b.api(t, "PATCH", "/me", object{"fields": object{"colour": "red"}}, me).want(t, 422, "invalid_fields")
}

// TestOption_user_field_claim: services get a field with claim by a placeholder, encoded like other identity headers and never taken from
// the client; tokens have it under fields. A change shows with the next renewal, as that of a name does.
func TestOption_user_field_claim(t *testing.T) {
	t.Parallel()
	a, b := twoNodes(t, plan{
		global: "\t\tuser_field team text {\n\t\t\tmax 1000\n\t\t\tclaim\n\t\t}\n\t\tuser_field note text\n",
		guard:  "header X-Team {http.auth.user.fields.team}",
	})
	u := a.newUser(t)
	me := call{bearer: u.access}
	a.api(t, "PATCH", "/me", object{"fields": object{"team": "Grün {env.HOME} 5%", "note": "hidden"}}, me).must(t, 200, "")
	renewed := b.api(t, "POST", "/refresh", object{"refresh_token": u.refresh}).must(t, 200, "").text("access_token")
	me = call{path: "/", bearer: renewed, header: map[string]string{"X-Team": "spoofed", "X_Team": "spoofed"}}
	for _, g := range []*gateway{a, b} {
		e := g.do(t, me).must(t, 200, "").echo(t)
		if got := e.get(t, "X-Team"); got != "Gr%C3%BCn {env.HOME} 5%25" || len(e.like("X-Team")) != 1 {
			t.Errorf("the upstream got %q of %v", got, e.Headers)
		}
	}
	claims := a.api(t, "POST", "/token/verify", object{"token": me.bearer}).must(t, 200, "").json(t)
	if !reflect.DeepEqual(claims["fields"], map[string]any{"team": "Grün {env.HOME} 5%"}) {
		t.Errorf("the token has %v", claims["fields"])
	}
	anonymous := a.newUser(t) // an account without the field
	if e := a.do(t, call{path: "/", bearer: anonymous.access, header: map[string]string{"X-Team": "spoofed"}}).must(t, 200, "").echo(t); len(e.like("X-Team")) != 0 {
		t.Errorf("of an account without it the upstream got %v", e.Headers)
	}
}
