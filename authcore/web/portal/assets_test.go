package portal_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// everyPage returns each page, as seen by whom it is for, with errors and without.
func everyPage(h *house) map[string]*answer {
	h.Helper()
	b, c := h.browser().person(), h.browser()
	pages := map[string]*answer{
		"account": b.get("/account"), "profile": b.get("/account/profile"), "password": b.get("/account/password"), "sessions": b.get("/account/sessions"),
		"history": b.get("/account/history"), "notifications": b.get("/account/notifications"),
		"devices": b.get("/account/devices"), "name refused": b.renames("/account/devices"),
		"profile refused":  b.post("/account/profile", []string{"username", "a b", "phone", "1"}),
		"password refused": b.post("/account/password", nil), "circle in": nil, "missing": c.get("/x"),
		"foreign":       c.post("/login", nil, header("Sec-Fetch-Site", "cross-site")),
		"login refused": c.post("/login", []string{"login", "x", "password", "y"}), "login empty": c.post("/login", nil),
		"register refused": c.post("/register", []string{"email", "x", "password", "y", "username", "a b"}),
		"verify refused":   c.post("/verify", []string{"email", "x", "otp", ""}), "verify new": c.get("/verify?new"),
		"done": c.get("/login?done=reset"), "onward": c.get("/onward?rd=/x"), "logout": b.get("/logout"),
	}
	for range 2 {
		b.get("/login?rd=/x").leads("/x")
		b.sentBack(origin + "/x")
	}
	pages["circle in"] = b.get("/login?rd=/x").says("You keep being")
	c.cookies["__Host-gatehouse_sent"] = b.cookies["__Host-gatehouse_sent"]
	pages["circle out"] = c.get("/login?rd=/x").says("You keep being")
	pages["lost"] = c.get("/login?rd=https://evil.test/").says("cannot take you back")
	for _, path := range []string{"/login", "/register", "/verify", "/verify/resend", "/password/forgot", "/password/reset", "/signed-out"} {
		pages[path] = h.browser().get(path)
	}
	d := h.browser()
	d.get("/verify?token=abc")
	d.get("/reset?token=abc")
	pages["reset link"] = d.get("/reset")
	return pages
}

// What a screen reader, a keyboard and a password manager need.
func TestPages_AreAccessible(t *testing.T) {
	h := open(t)
	for name, page := range everyPage(h) {
		for _, problem := range accessibility(page) {
			t.Errorf("%s: %s\n%s", name, problem, page.body)
		}
	}
}

func accessibility(page *answer) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	ids := map[string]bool{}
	page.heading()
	if attr(page.all("html")[0], "lang") == "" || len(page.all("main")) != 1 || len(page.all("title")) != 1 {
		say("no language, main or title")
	}
	for n := range page.tree.Descendants() {
		if id := attr(n, "id"); n.Type == html.ElementNode && id != "" {
			if ids[id] {
				say("the id %s is there twice", id)
			}
			ids[id] = true
		}
	}
	labelled := map[string]bool{}
	for _, l := range page.all("label") {
		labelled[attr(l, "for")] = text(l) != ""
	}
	focused := 0
	for _, in := range append(page.all("input"), page.all("select")...) {
		if attr(in, "type") == "hidden" {
			continue
		}
		if !labelled[attr(in, "id")] || attr(in, "autocomplete") == "" {
			say("%s has no label or autocomplete", attr(in, "name"))
		}
		if attr(in, "type") == "password" && has(in, "value") {
			say("a password is sent back")
		}
		if has(in, "autofocus") {
			focused++
		}
		if has(in, "aria-invalid") && !strings.Contains(attr(in, "aria-describedby"), "-error") {
			say("%s does not say what is wrong", attr(in, "name"))
		}
	}
	if focused > 1 {
		say("%d fields have the focus", focused)
	}
	for n := range page.tree.Descendants() {
		refs := strings.Fields(attr(n, "aria-describedby") + " " + attr(n, "aria-labelledby") + " " + attr(n, "for"))
		if to, ok := strings.CutPrefix(attr(n, "href"), "#"); ok {
			refs = append(refs, to)
		}
		for _, ref := range refs {
			if !ids[ref] {
				say("%s points to %s, which is not there", n.Data, ref)
			}
		}
		if (n.Data == "a" || n.Data == "button") && text(n) == "" {
			say("a %s without words", n.Data)
		}
	}
	return problems
}

// onlyPasskeys reports whether the one script of a page is that of passkeys, under its hash.
func onlyPasskeys(page *answer) bool {
	script, err := os.ReadFile("passkey.js")
	sum := sha256.Sum256(script)
	all := page.all("script")
	return err == nil && len(all) == 1 && all[0].FirstChild.Data == string(script) &&
		strings.Contains(page.header.Get("Content-Security-Policy"), "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'; ")
}

// All of a page with all that it loads, and nothing from anybody else.
func TestPages_AreLightAndLoadNothingForeign(t *testing.T) {
	h := open(t)
	for name, page := range everyPage(h) {
		weight := len(page.body)
		for _, l := range page.all("link") {
			to := attr(l, "href")
			if !strings.HasPrefix(to, "/auth/static/") {
				t.Errorf("%s loads %s", name, to)
			}
			weight += len(h.browser().get(strings.TrimPrefix(to, "/auth")).want(http.StatusOK).body)
		}
		if weight > 60<<10 {
			t.Errorf("%s weighs %d bytes", name, weight)
		}
		for _, element := range []string{"script", "img", "iframe", "style", "video", "object"} {
			if len(page.all(element)) != 0 && (element != "script" || name != "onward" && !onlyPasskeys(page)) {
				t.Errorf("%s has a %s", name, element)
			}
		}
		for n := range page.tree.Descendants() {
			for _, key := range []string{"href", "src", "action"} {
				if to := attr(n, key); strings.Contains(to, "//") {
					t.Errorf("%s: %s leads to %s", name, n.Data, to)
				}
			}
		}
	}
	css := string(must(os.ReadFile("page/assets/style.css"))(t))
	if len(css) > 10<<10 || strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Errorf("the style sheet has %d bytes or loads something", len(css))
	}
}

var colour = regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{3,6});`)

// WCAG 2.2, 1.4.3 and 1.4.11: text 4.5:1, edges of fields 3:1; in light and in dark.
func TestColours_AreReadable(t *testing.T) {
	t.Parallel()
	css := string(must(os.ReadFile("page/assets/style.css"))(t))
	light, dark, ok := strings.Cut(css, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("there is no dark scheme")
	}
	for scheme, part := range map[string]string{"light": light, "dark": dark} {
		c := map[string]string{}
		for _, m := range colour.FindAllStringSubmatch(part, -1) {
			c[m[1]] = m[2]
		}
		for _, pair := range []struct {
			text, ground string
			least        float64
		}{
			{"text", "ground", 4.5}, {"text", "sheet", 4.5}, {"soft", "sheet", 4.5}, {"soft", "ground", 4.5}, {"accent", "ground", 4.5},
			{"accent", "sheet", 4.5}, {"accent-strong", "ground", 4.5}, {"on-accent", "accent", 4.5}, {"on-accent", "accent-strong", 4.5},
			{"bad", "bad-ground", 4.5}, {"bad", "sheet", 4.5}, {"good", "good-ground", 4.5}, {"edge", "sheet", 3}, {"edge", "ground", 3},
		} {
			if got := contrast(t, c[pair.text], c[pair.ground]); got < pair.least {
				t.Errorf("%s: %s on %s has %.2f:1, want %.1f:1", scheme, pair.text, pair.ground, got, pair.least)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	l := []float64{luminance(t, a), luminance(t, b)}
	slices.Sort(l)
	return (l[1] + 0.05) / (l[0] + 0.05)
}

// luminance is that of WCAG 2.2.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil || len(hex) != 6 {
		t.Fatalf("%q is no colour", hex)
	}
	part := func(shift uint, weight float64) float64 {
		v := float64(n>>shift&0xff) / 255
		if v <= 0.04045 {
			return weight * v / 12.92
		}
		return weight * math.Pow((v+0.055)/1.055, 2.4)
	}
	return part(16, 0.2126) + part(8, 0.7152) + part(0, 0.0722)
}

// BenchmarkLogin is the sign-in page, and BenchmarkAccount the account page with its queries: each in less than 5 ms.
func BenchmarkLogin(b *testing.B) { benchmark(b, "/auth/login?rd=/x", nil) }

func BenchmarkAccount(b *testing.B) {
	benchmark(b, "/auth/account", func(e *testflow.Env) string {
		e.Person(b, signup.RegisterInput{Email: email, Username: "ada"})
		account := must(e.Store.AccountByIdentifier(b.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email}))(b)
		in := testflow.Request()
		in.Mode, in.Client.Issuer = authcore.ModeCookie, origin
		return "__Host-gatehouse=" + must(e.Sessions.Start(b.Context(), account, in))(b).Access
	})
}

func benchmark(b *testing.B, path string, cookie func(*testflow.Env) string) {
	b.Helper()
	e := testflow.New(b, testflow.Options{})
	_, both := wire(b, e, &lockedBuffer{}, plan{})
	r := httptest.NewRequest(http.MethodGet, path, nil)
	if cookie != nil {
		r.Header.Set("Cookie", cookie(e))
	}
	in := httpauth.RequestInfo{HTTPS: true, Client: authcore.Client{Issuer: origin, Portal: origin + "/auth"}}
	r = r.WithContext(httpauth.WithRequestInfo(r.Context(), in))
	for b.Loop() {
		w := httptest.NewRecorder()
		if both.ServeHTTP(w, r); w.Code != http.StatusOK || !bytes.Contains(w.Body.Bytes(), []byte("</html>")) {
			b.Fatalf("status %d", w.Code)
		}
	}
	if per := b.Elapsed() / time.Duration(b.N); per > 5*time.Millisecond {
		b.Errorf("a page takes %v", per)
	}
}
