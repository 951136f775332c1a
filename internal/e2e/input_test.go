package e2e

import (
	"bytes"
	"fmt"
	"net/mail"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestI01_MailHeaderInjection(t *testing.T) {
	t.Parallel()
	g := start(t, plan{clock: true})
	for _, email := range []string{"a@example.com\r\nBcc: v@example.net", "a@example.com\nBcc: v@example.net", "a@example.com\r", "a\r\n@example.com",
		"a@example.com,v@example.net", "a@example.com;v@example.net", "a@example.com v@example.net", "<a@example.com>", "A <a@example.com>",
		"a@example.com>", `"a\r\nb"@example.com`, `"a b"@example.com`, "a@example.com(comment)", "a@[127.0.0.1]", "a@b@example.com",
		"a@example.com\u2028Bcc: v@example.net", "a@example.com%0d%0aBcc:v@example.net", "a@exam\u0000ple.com",
		"=?utf-8?q?x?=@y.example", "x%y@z.example", "x!y@z.example", "-x@z.example", "|x@z.example", "/x@z.example", "x@127.0.0.0x1"} {
		for _, path := range []string{"/register", "/verify/resend"} {
			a := g.api(t, "POST", path, object{"email": email, "password": password})
			if a.status != 400 && a.status != 422 {
				t.Errorf("%s takes %q: %d", path, email, a.status)
			}
		}
		g.api(t, "POST", "/password/forgot", object{"login": email})
	}
	for _, field := range []string{"first_name", "last_name"} {
		for _, name := range []string{"Ada\r\nBcc: v@example.net", "Ada\nLovelace", "Ada\u2029x", "Ada\x0bB"} {
			g.api(t, "POST", "/register", object{"email": freshEmail(), "password": password, field: name}).invalid(t, field)
		}
	}
	g.settle(t)
	if mails, err := filepath.Glob(filepath.Join(g.Dir, "data", "outbox", "*")); err != nil || len(mails) > 0 {
		t.Errorf("%d mails went out (%v)", len(mails), err)
	}
	// What passes: one recipient, one of each header, and no words of a user agent's sender.
	u := g.newUser(t, profile{firstName: "Ada =?utf-8?q?x?= Bcc:", lastName: "%0d%0aBcc: v@example.net"})
	g.api(t, "POST", "/password/forgot", object{"login": u.email}, call{header: map[string]string{"User-Agent": "Call 0900 1234\tnow: v@example.net"}}).must(t, 202, "")
	l := g.waitMail(t, u.email, 2)
	m, err := mail.ReadMessage(bytes.NewReader(l.raw))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range m.Header {
		if len(values) != 1 || name == "Bcc" || name == "Cc" {
			t.Errorf("%s: %q", name, values)
		}
	}
	if to, err := m.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != u.email || to[0].Name != "" {
		t.Errorf("To: %v %v", to, err)
	}
	if bytes.Contains(l.raw, []byte("v@example.net")) {
		t.Errorf("a stranger's text is in the mail:\n%s", l.text)
	}
}

func TestI04_LookAlikes(t *testing.T) {
	t.Parallel()
	g := start(t, plan{})
	g.newUser(t, profile{username: "lookalike"})
	register := func(field, value string) answer {
		return g.api(t, "POST", "/register", object{"email": freshEmail(), "password": password, field: value})
	}
	for _, twin := range []string{"lookalike", "LookAlike", "look\u200balike", "\u202elookalike", "lооkalike" /* Cyrillic */, "ｌookalike", "lookalike ", "ＬookAlike",
		"look\u00adalike", "lookalıke", "loo\u212aalike", "look alike", "lookalike\u00a0", "٣lookalike"} {
		register("username", twin).invalid(t, "username")
	}
	for _, reserved := range []string{"admin", "admin ", "ADMIN", "root", "postmaster", "аdmin" /* Cyrillic */} {
		register("username", reserved).invalid(t, "username")
	}
	for _, phone := range []string{"٠١٢٣٤٥٦٧٨٩", "+٤٣1234567", "+43 1 234\u200b5678", "0043 1 2345678", "+1 (555) CALL-NOW", "+", "+43", "+999999999999999999", "tel:+4312345678"} {
		register("phone", phone).invalid(t, "phone")
	}
	u := g.newUser(t)
	for given, kept := range map[string]string{"+1 (555) 123-4567": "+15551234567", " +43/1-234.5678": "+4312345678"} {
		if got := g.api(t, "PATCH", "/me", object{"phone": given}, call{bearer: u.access}).must(t, 200, "").text("phone"); got != kept {
			t.Errorf("%q is kept as %q", given, got)
		}
	}
	// Two spellings of one mailbox are one address; a look-alike is another one or refused.
	at := strings.TrimPrefix(u.email, "user")
	for _, twin := range []string{"us\u200ber" + at, "ｕser" + at, "\u202euser" + at} {
		register("email", twin).invalid(t, "email")
	}
}

// oddities are what breaks parsers and databases, as the inside of a JSON string.
var oddities = map[string]string{
	"NUL": `a\u0000b`, "high surrogate": `a\ud800b`, "low surrogate": `a\udc00b`, "reversed surrogates": `\udc00\ud800`,
	"raw NUL": "a\x00b", "bad UTF-8": "a\xffb", "overlong": "a\xc0\xafb", "UTF-8 surrogate": "a\xed\xa0\x80b", "BOM": "\ufeffa", "noncharacter": "\uffff",
	"raw newline": "a\nb", "cut escape": `a\u00`, "DEL": "\x7f", "beyond Unicode": "\xf4\x90\x80\x80", "NUL alone": `\u0000`,
}

// TestI05_OddBytes: no field, header or path of any call makes a 5xx, whatever the database.
func TestI05_OddBytes(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u := g.newUser(t)
		fields := map[string][]string{
			"POST /register": {"email", "password", "username", "first_name", "last_name", "phone"}, "POST /verify/resend": {"email"},
			"POST /verify": {"token", "email", "otp", "registration", "new_password", "device_name"}, "POST /login": {"login", "password", "device_name"},
			"POST /refresh": {"refresh_token"}, "POST /logout": {"refresh_token"}, "POST /token/verify": {"token"}, "PATCH /me": {"username", "first_name", "phone"},
			"POST /password/forgot": {"login", "email"}, "POST /password/reset": {"token", "login", "otp", "new_password"}, "POST /sessions/revoke": {"ids"},
			"POST /devices/revoke": {"ids"},
		}
		for to, names := range fields {
			method, path, _ := strings.Cut(to, " ")
			c := call{header: map[string]string{"Content-Type": "application/json"}}
			if path == "/me" || strings.HasSuffix(path, "s/revoke") {
				c.bearer = u.access
			}
			for _, name := range names {
				for what, odd := range oddities {
					value := `"` + odd + `"`
					if name == "ids" {
						value = `[` + value + `]`
					}
					a := g.api(t, method, path, fmt.Sprintf(`{"email":%q,"password":%q,"%s ":1,%q:%s}`, freshEmail(), password, name, name, value)[0:], c)
					if a.status >= 500 || strings.Contains(what, "raw") && a.status != 400 {
						t.Errorf("%s: %s with %s is answered %d: %.200s", to, name, what, a.status, a.body)
					}
				}
			}
		}
		for what, odd := range map[string]string{"NUL": "%00", "bad UTF-8": "%ff", "overlong": "%c0%af", "newline": "%0d%0a", "BOM": "%ef%bb%bf"} {
			for _, path := range []string{"/auth/sessions/" + odd, "/auth/" + odd, "/auth/sessions/" + u.sid + odd} {
				a := g.raw(t, "DELETE "+path+" HTTP/1.1\r\nHost: "+g.Host()+"\r\nAuthorization: Bearer "+u.access+"\r\nConnection: close\r\n\r\n")
				if a.status != 404 && a.status != 400 && a.status != 405 {
					t.Errorf("%s in %s is answered %d", what, path, a.status)
				}
			}
		}
		for _, name := range []string{"User-Agent", "Authorization", "Cookie", "Origin", "Accept-Language", "X-Forwarded-For", "Accept"} {
			for _, value := range []string{"\xff\xfe", "a\x01b", "\ufeff", "Bearer \xff", "gatehouse=\xff; gatehouse_refresh=\xc0", "\x7f"} {
				body := fmt.Sprintf(`{"login":%q,"password":"x"}`, freshEmail())
				a := g.raw(t, fmt.Sprintf("POST /auth/login HTTP/1.1\r\nHost: %s\r\n%s: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
					g.Host(), name, value, len(body), body))
				if a.status != 400 && a.status != 401 && a.status != 403 {
					t.Errorf("%s %q is answered %d: %.200s", name, value, a.status, a.body)
				}
			}
		}
		if strings.Contains(g.logs(), `"error_id"`) || strings.Contains(g.logs(), "panic") {
			t.Error("the log tells of an internal error")
		}
	})
}

// quickest is the shortest of a few tries: a slow one may be the machine's fault, five are not.
func (g *gateway) quickest(t testing.TB, c call) (answer, time.Duration) {
	t.Helper()
	var best time.Duration
	var a answer
	for i := range 5 {
		begin := time.Now()
		a = g.do(t, c)
		if took := time.Since(begin); i == 0 || took < best {
			best = took
		}
	}
	return a, best
}

// parseLimit is what a request may cost that is refused by its form, with reading up to 1 MiB on a busy machine.
const parseLimit = 60 * time.Millisecond

func TestI06_JSONAbuse(t *testing.T) {
	t.Parallel()
	g := shared(t)
	var keys strings.Builder
	for i := range 90_000 {
		fmt.Fprintf(&keys, `"%d":0,`, i)
	}
	json := map[string]string{"Content-Type": "application/json"}
	for name, c := range map[string]struct {
		body   string
		status []int
	}{
		"deep lists":        {`{"login":` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + `}`, []int{400}},
		"deep objects":      {strings.Repeat(`{"a":`, 100_000) + "1" + strings.Repeat("}", 100_000), []int{400}},
		"deep, cut":         {`{"x":` + strings.Repeat("[", 400_000), []int{400}},
		"deep, ignored":     {`{"login":"a","password":"b","x":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`, []int{400}},
		"many keys":         {"{" + keys.String() + `"login":"a"}`, []int{400, 422}},
		"one key often":     {"{" + strings.Repeat(`"login":"a",`, 80_000) + `"login":"a"}`, []int{400}},
		"huge number":       {`{"login":1e999}`, []int{400}},
		"long number":       {`{"login":` + strings.Repeat("9", 1_000_000) + `}`, []int{400}},
		"list for text":     {`{"login":["a"],"password":"b"}`, []int{400}},
		"object for text":   {`{"login":{"$ne":null},"password":{"$ne":null}}`, []int{400}},
		"trailing data":     {`{"login":"a","password":"b"}{"login":"c"}`, []int{400}},
		"escaped twin":      {`{"login":"a","\u006cogin":"b","password":"c"}`, []int{400}},
		"comment":           {`{"login":"a"/*x*/}`, []int{400}},
		"NaN":               {`{"login":NaN}`, []int{400}},
		"index":             {`{"a[99999999]":1,"login":"","password":""}`, []int{422}},
		"many escapes":      {`{"login":"` + strings.Repeat(`\u0041`, 170_000) + `","password":"x"}`, []int{401}},
		"other case is not": {`{"LOGIN":"a","Password":"b"}`, []int{422}},
	} {
		a, took := g.quickest(t, call{method: "POST", path: "/auth/login", body: c.body, header: json})
		if !strings.Contains(fmt.Sprint(c.status), fmt.Sprint(a.status)) {
			t.Errorf("%s is answered %d: %.200s", name, a.status, a.body)
		}
		if a.status != 401 && took > parseLimit {
			t.Errorf("%s takes %s", name, took)
		}
	}
	parts := strings.Repeat("--x\r\nContent-Disposition: form-data; name=login\r\n\r\na\r\n", 10_000) + "--x--\r\n"
	for kind, body := range map[string]string{"multipart/form-data; boundary=x": parts, "application/x-www-form-urlencoded": "a[99999999]=1&login=a",
		"application/json, text/plain": "{}", "application/xml": `<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>`} {
		a, took := g.quickest(t, call{method: "POST", path: "/auth/login", body: body, header: map[string]string{"Content-Type": kind}})
		if a.notJSON(t); took > parseLimit {
			t.Errorf("%s takes %s", kind, took)
		}
	}
	two := fmt.Sprintf("POST /auth/login HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}", g.Host())
	g.raw(t, two).want(t, 415, "unsupported_media_type")
}

// TestD03_GiantPassword: a password of no sensible length costs no more than a wrong one.
func TestD03_GiantPassword(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	wide := strings.Repeat("\u0344", 500_000/2) // decomposes into two
	wrong := call{method: "POST", path: "/auth/login", body: object{"login": freshEmail(), "password": "wrong granite lantern"}}
	_, usual := g.quickest(t, wrong)
	for name, c := range map[string]struct {
		path string
		body object
		want int
	}{
		"login":    {"/login", object{"login": freshEmail(), "password": wide}, 401},
		"register": {"/register", object{"email": freshEmail(), "password": wide}, 422},
		"reset":    {"/password/reset", object{"token": "x", "new_password": wide}, 422},
		"verify":   {"/verify", object{"token": "x", "new_password": wide}, 422},
	} {
		giant := call{method: "POST", path: "/auth" + c.path, body: c.body}
		a, took := g.quickest(t, giant)
		for i := 0; i < 5 && took > usual+2*parseLimit; i++ { // both again: something else may have kept the processors busy
			_, again := g.quickest(t, wrong)
			usual = max(usual, again)
			if c.body["login"] != nil {
				c.body["login"] = freshEmail() // the former is locked after five wrong passwords
			}
			a, took = g.quickest(t, giant)
		}
		if a.status != c.want || took > usual+2*parseLimit {
			t.Errorf("%s: %d in %s; a wrong password takes %s", name, a.status, took, usual)
		}
	}
	ten := bytes.Repeat([]byte(" "), 10<<20)
	large := call{method: "POST", path: "/auth/login", body: ten, client: patient(), header: map[string]string{"Content-Type": "application/json", "Expect": "100-continue"}}
	if a, took := g.quickest(t, large); a.status != 413 || took > parseLimit {
		t.Errorf("10 MB: %d in %s", a.status, took)
	}
	g.api(t, "GET", "/me", nil, call{bearer: u.access}).must(t, 200, "")
}

func TestD07_QuadraticInput(t *testing.T) {
	t.Parallel()
	g := shared(t)
	u := g.newUser(t)
	const n = 1 << 19
	for name, c := range map[string]struct {
		path string
		body object
		want int
	}{
		"long address":        {"/register", object{"email": strings.Repeat("a", n) + "@example.com", "password": "x"}, 422},
		"comments":            {"/register", object{"email": strings.Repeat("(", 100_000) + "a@example.com", "password": "x"}, 422},
		"dots":                {"/verify/resend", object{"email": "a@" + strings.Repeat("a.", n/2) + "com"}, 422},
		"ats":                 {"/verify/resend", object{"email": strings.Repeat("@", n)}, 422},
		"quotes":              {"/verify/resend", object{"email": strings.Repeat(`"\`, n/4) + "@example.com"}, 422},
		"puny code":           {"/verify/resend", object{"email": "a@xn--" + strings.Repeat("a", n) + ".com"}, 422},
		"combining marks":     {"/verify/resend", object{"email": "a" + strings.Repeat("\u0301\u0316", n/8) + "@example.com"}, 422},
		"login":               {"/password/forgot", object{"login": strings.Repeat("\u0301", n/2)}, 202},
		"code":                {"/verify", object{"email": "a@example.com", "otp": strings.Repeat("1 ", n/2), "registration": "x"}, 0},
		"registration":        {"/verify", object{"email": "a@example.com", "otp": "1", "registration": strings.Repeat("x", n)}, 0},
		"refresh token":       {"/refresh", object{"refresh_token": "ghr_" + strings.Repeat("a", n)}, 401},
		"dots in a token":     {"/token/verify", object{"token": strings.Repeat(".", n)}, 200},
		"phone":               {"/register", object{"email": "a@example.com", "password": "x", "phone": "+" + strings.Repeat("1", n)}, 422},
		"name":                {"/register", object{"email": "a@example.com", "password": "x", "first_name": strings.Repeat("\u0344", n/2)}, 422},
		"guessable password":  {"/register", object{"email": "a@example.com", "password": strings.Repeat("1@4$", 64)}, 422},
		"password for zxcvbn": {"/register", object{"email": "a@example.com", "password": strings.Repeat("4@8b3e", 3) + "4@8b"}, 0},
		"ids":                 {"/sessions/revoke", object{"ids": []string{strings.Repeat("0", n)}}, 422},
	} {
		if name == "password for zxcvbn" {
			c.body["email"] = freshEmail()
		}
		a, took := g.quickest(t, call{method: "POST", path: "/auth" + c.path, body: c.body, bearer: u.access})
		if c.want != 0 && a.status != c.want || a.status >= 500 {
			t.Errorf("%s is answered %d: %.200s", name, a.status, a.body)
		}
		if took > 4*parseLimit { // with a password hash in it
			t.Errorf("%s takes %s", name, took)
		}
	}
	for name, part := range map[string]string{"Accept-Language": "a;q=0.1,", "Accept": "text/html;", "Cookie": "gatehouse=a;", "User-Agent": "Firefox/"} {
		for parts, want := range map[int]string{600: "200", 10_000: "200 431"} { // so long a head may be refused as a whole
			a, took := g.quickest(t, call{path: "/auth/sessions", bearer: u.access, header: map[string]string{name: strings.Repeat(part, parts)}})
			if !strings.Contains(want, fmt.Sprint(a.status)) || took > parseLimit {
				t.Errorf("%s of %d parts: %d in %s", name, parts, a.status, took)
			}
		}
	}
}
