package e2e

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

const dfBase = "/api/v1/auth"

// dfGlobal are the options that the dialect's text needs, and roomy limits.
const dfGlobal = "\t\tsignup open\n\t\tsign_in password code passkey\n\t\trate_limit otp 1000/1h\n\t\totp {\n\t\t\tresend_after 1s\n\t\t}"

// countStatuses counts answers by their status.
func countStatuses(answers []answer) map[int]int {
	n := map[int]int{}
	for _, a := range answers {
		n[a.status]++
	}
	return n
}

// oneOf demands that of a hundred that brought one code at once one got in.
func oneOf(t *testing.T, what string, answers []answer) {
	t.Helper()
	if n := countStatuses(answers); n[200] != 1 || n[200]+n[400]+n[429] != race {
		t.Errorf("%s: %v", what, n)
	}
}

// TestDFAuth_Cluster: what one node has sent the other takes, once, whatever it is worth; a session that its owner ends is dead at once there
// and within a second elsewhere.
func TestDFAuth_Cluster(t *testing.T) {
	t.Parallel()
	p := dialectPlan("df_auth")
	p.global = dfGlobal
	c := startCluster(t, p)
	t.Run("a code", func(t *testing.T) {
		t.Parallel()
		c.a.asJSON(t, 200, "POST", dfBase+"/otp/", object{"email": "grace@example.com"}, "")
		code := c.a.waitMail(t, "grace@example.com", 1).code
		answers := c.overBoth(t, race, func(int) call {
			return call{method: "POST", path: dfBase + "/token/", body: object{"email": "grace@example.com", "otp": code}}
		})
		oneOf(t, "with one code", answers)
		for _, a := range answers {
			if a.status == 200 {
				if me := c.b.asJSON(t, 200, "GET", dfBase+"/users/0/", nil, "Bearer "+a.text("token")); me["email"] != "grace@example.com" {
					t.Errorf("the user is %v", me)
				}
			}
		}
	})
	t.Run("a code beside a password", func(t *testing.T) {
		t.Parallel()
		ada := object{"email": "ada@example.com", "password": password}
		c.a.asJSON(t, 201, "POST", dfBase+"/users/", ada, "")
		token := "Bearer " + c.b.asJSON(t, 200, "POST", dfBase+"/token/", ada, "")["token"].(string)
		waits := c.a.asJSON(t, 200, "GET", dfBase+"/otp-devices/", nil, token)["results"].([]any)[0].(map[string]any)
		c.a.asJSON(t, 200, "POST", dfBase+"/otp/", object{"email": "ada@example.com"}, token)
		c.b.asJSON(t, 200, "POST", dfBase+"/otp-devices/"+strconv.FormatInt(int64(waits["id"].(float64)), 10)+"/confirm/?type=email",
			object{"otp": c.a.ofKind(t, "ada@example.com", "confirm_email").code}, token)
		c.a.asJSON(t, 200, "POST", dfBase+"/otp/", object{"email": "ada@example.com"}, "")
		byCode := object{"email": "ada@example.com", "otp": c.a.ofKind(t, "ada@example.com", "sign_in_code").code}
		token = "Bearer " + c.b.asJSON(t, 200, "POST", dfBase+"/token/", byCode, "")["token"].(string)
		c.a.asJSON(t, 200, "PATCH", dfBase+"/users/0/two-fa/", object{"is_required": true}, token)
		c.b.asJSON(t, 200, "POST", dfBase+"/otp/", object{"email": "ada@example.com"}, token)
		ada["otp"] = c.a.ofKind(t, "ada@example.com", "second_factor_code").code
		oneOf(t, "with one code that was sent ahead", c.overBoth(t, race, func(int) call { return call{method: "POST", path: dfBase + "/token/", body: ada} }))
	})
	t.Run("the end of a session", func(t *testing.T) {
		t.Parallel()
		u := &user{email: freshEmail(), password: password}
		c.a.asJSON(t, 201, "POST", dfBase+"/users/", object{"email": u.email, "password": u.password}, "")
		u = c.a.signIn(t, u, false)
		raw := c.a.asJSON(t, 200, "POST", dfBase+"/token/", object{"email": u.email, "password": u.password}, "")["token"].(string)
		raw = c.b.asJSON(t, 200, "POST", dfBase+"/token/refresh/", object{"token": raw}, "")["token"].(string)
		for _, g := range []*gateway{c.a, c.b} {
			if e := g.do(t, call{path: "/app/x", bearer: raw}).must(t, 200, "").echo(t); e.get(t, "X-Via") != "dialect" {
				t.Errorf("a service gets %v", e)
			}
			g.asJSON(t, 200, "POST", dfBase+"/token/verify/", object{"token": raw}, "")
		}
		ended := c.a.endSession(t, u, members(t, raw, 1)["sid"].(string))
		c.a.do(t, call{path: "/app/x", bearer: raw}).must(t, 401, "invalid_token")
		c.a.asJSON(t, 401, "POST", dfBase+"/token/refresh/", object{"token": raw}, "")
		for c.b.do(t, call{path: "/app/x", bearer: raw}).status != http.StatusUnauthorized {
			if time.Since(ended) > time.Second {
				t.Fatal("the other node lets a session in that has ended a second ago")
			}
		}
		c.b.asJSON(t, 401, "POST", dfBase+"/token/refresh/", object{"token": raw}, "")
		c.b.asJSON(t, 401, "POST", dfBase+"/token/verify/", object{"token": raw}, "")
		c.b.asJSON(t, 401, "GET", dfBase+"/users/0/", nil, "Bearer "+raw)
	})
}

// TestDFAuth_RedirectPath: the link of a code's mail leads to a page of ours that asks for the code beside it, signs that browser in, and leads to the
// path of the host that was asked, also where the pages are at another one; and to no other place, whatever becomes of the link.
func TestDFAuth_RedirectPath(t *testing.T) {
	t.Parallel()
	dialect := "\tgatehouse_dialect df_auth {\n\t\tkey {env.DIALECT_KEY}\n\t}\n\tgatehouse_guard {\n\t\tlogin_url http://127.0.0.1:<port>/auth/login\n\t}\n\treverse_proxy <upstream>\n}\n"
	g := start(t, plan{global: dfGlobal + "\n\t\tissuer http://127.0.0.1:<port>", env: []string{"DIALECT_KEY=" + dialectKey},
		site: "http://127.0.0.1:<port> {\n\tgatehouse\n" + dialect + "http://127.0.0.1:<port2> {\n" + dialect})
	other := g.fill("http://127.0.0.1:<port2>")
	for i, at := range []struct{ asked, to, leads string }{
		{"", "/shop?x=1#y", "/shop?x=1#y"}, {other, "/shop?x=1#y", other + "/shop?x=1#y"},
		{"", "https://evil.example/", "/auth/account"}, {"", "//evil.example", "/auth/account"}, {"", `/\evil.example`, "/auth/account"},
		{"", "javascript:alert(1)", "/auth/account"}, {other, "http://127.0.0.1:1/", "/auth/account"},
	} {
		ask := object{"email": "visitor" + strconv.Itoa(i) + "@example.com", "redirect_path": "/shop?x=1#y"}
		g.do(t, call{method: "POST", path: dfBase + "/otp/", base: at.asked, body: ask}).must(t, 200, "")
		mail := g.waitMail(t, ask["email"].(string), 1)
		link, err := url.Parse(mail.link)
		if err != nil || link.Host != g.Host() {
			t.Fatalf("the link is %s", mail.link)
		}
		q := link.Query()
		if strings.HasPrefix(at.leads, "/auth") {
			q.Set("rd", at.to)
		}
		jar, _ := cookiejar.New(nil)
		browser := &http.Client{Jar: jar, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		a := g.do(t, call{path: link.Path + "?" + q.Encode(), client: browser, header: page}).must(t, 303, "")
		a = g.do(t, call{path: a.header.Get("Location"), client: browser, header: page}).must(t, 200, "")
		if !strings.Contains(string(a.body), `autocomplete="one-time-code"`) {
			t.Fatalf("the page asks for no code: %s", a.body)
		}
		form := map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://" + g.Host()}
		a = g.do(t, call{method: "POST", path: link.Path, client: browser, header: form, body: "otp=" + mail.code}).must(t, 303, "")
		if got := a.header.Get("Location"); got != at.leads {
			t.Errorf("%s at %q leads to %s", at.to, at.asked, got)
		}
		if e := g.do(t, call{path: "/shop", base: at.asked, client: browser}).must(t, 200, "").echo(t); e.get(t, "Remote-Email") != ask["email"] {
			t.Errorf("a service gets %v", e)
		}
	}
}
