package browser

import (
	"net/url"
	"strings"
	"testing"
)

// accessLog is how a site logs its requests without the tokens of the links in mails, which stand in the query.
const accessLog = `	log {
		format filter {
			request>uri query {
				replace token REDACTED
			}
		}
	}
`

// M06: with access logs on and at debug level, no secret of a walk is in the logs: no password, code, link or cookie.
func TestM06_NoSecretInTheLogs(t *testing.T) {
	t.Parallel()
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	text = strings.Replace(text, "{\n", "{\n\tdebug\n", 1)
	if !strings.Contains(text, "\tlog {\n") {
		text = strings.Replace(text, "\n\tbind 127.0.0.1\n", "\n\tbind 127.0.0.1\n"+accessLog, 1)
	}
	g, p, address := start(t, text), open(t, way{}), newAddress()
	origin := g.origin()
	secrets := map[string]string{"password": password, "new password": otherPassword, "wrong password": "violet-typo-password"}
	keep := func(when string) {
		for name, c := range p.cookies(origin + "/") {
			if len(c.Value) >= 16 && !strings.HasSuffix(name, "_sent") && !strings.HasSuffix(name, "_pending") {
				secrets[name+" "+when] = c.Value
			}
		}
	}
	p.visit(origin + "/wanted")
	p.follow("Create an account")
	m := p.register(g, address)
	keep("registered")
	p.visit(m.link)
	p.see("One more step.")
	keep("with the link")
	p.press("verify-form")
	p.see("Hello, Ada Lovelace")
	keep("signed in")
	p.visit(origin + "/auth/password/forgot")
	p.press("forgot-form", "login", address)
	reset := g.mail(t, address, 2)
	p.press("reset-form", "otp", "135791", "new_password", otherPassword)
	p.see("The code or link is wrong")
	p.visit(reset.link)
	p.see("You will then be signed out everywhere")
	keep("with the link to reset")
	p.press("reset-form", "new_password", otherPassword)
	p.see("Your password has been changed.")
	p.signIn(address, "violet-typo-password")
	p.see("The username or password is wrong.")
	p.press("login-form", "password", otherPassword)
	p.at("/auth/account", "Your account")
	keep("signed in again")
	p.press("logout-form")
	p.at("/auth/signed-out", "You are signed out")
	secrets["code"], secrets["link"], secrets["code to reset"], secrets["link to reset"] = m.code, m.token, reset.code, reset.token
	if len(secrets) < 14 {
		t.Errorf("only %d secrets were met", len(secrets))
	}
	checkLogs(t, g, secrets)
}

// checkLogs looks for secrets, plain and as forms and addresses write them.
func checkLogs(t *testing.T, g *gateway, secrets map[string]string) {
	t.Helper()
	eventually(t, func() string { return "the access log of the last page" }, func() bool {
		return strings.Contains(g.Log.String(), "/auth/signed-out")
	})
	log := g.Log.String()
	if !strings.Contains(log, "token=REDACTED") || !strings.Contains(log, `"level":"debug"`) || !strings.Contains(log, "http.log.access") {
		t.Fatalf("debug and access logs are not on, or have no link:\n%s", g.Log.Tail(5))
	}
	for name, secret := range secrets {
		for _, form := range []string{secret, url.QueryEscape(secret), url.PathEscape(secret)} {
			at := strings.Index(log, form)
			if secret != "" && at >= 0 {
				line := log[strings.LastIndex(log[:at], "\n")+1:]
				line, _, _ = strings.Cut(line, "\n")
				t.Errorf("%s is in the log:\n%s", name, line)
				break
			}
		}
	}
}
