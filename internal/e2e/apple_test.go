package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// appleSignIn goes to Apple from node a, whose form arrives at node b, and whose answer at node a again. It returns the cookies of the browser.
func appleSignIn(t *testing.T, fake *testidp.Apple, a, b *gateway) map[string]string {
	t.Helper()
	cookies := map[string]string{}
	keep := func(got answer) string {
		for name, c := range got.setCookies(t) {
			if cookies[name] = c.Value; c.MaxAge < 0 {
				delete(cookies, name)
			}
		}
		return got.header.Get("Location")
	}
	begun := keep(a.do(t, call{path: "/auth/social/apple/start?rd=/", header: page}).must(t, 303, ""))
	posted := b.do(t, call{method: "POST", path: "/auth/social/apple/callback", body: fake.Form(begun).Encode(), header: map[string]string{
		"Content-Type": "application/x-www-form-urlencoded", "Origin": "https://appleid.apple.com", "Sec-Fetch-Site": "cross-site", "Accept": page["Accept"]}}).must(t, 303, "")
	back := posted.header.Get("Location")
	if len(posted.header.Values("Set-Cookie")) > 0 || strings.Contains(back, "Ada") {
		t.Errorf("the posted answer leads to %s and sets %v", back, posted.header.Values("Set-Cookie"))
	}
	if to := keep(a.do(t, call{path: back, header: page, cookies: cookies}).must(t, 303, "")); to != "/" {
		t.Fatalf("the sign-in leads to %s", to)
	}
	return cookies
}

// TestAppleOverTwoNodes: each step of a sign-in is on the other node, the name that Apple posts once arrives, consent is taken back after a
// disconnection, and a notification to one node ends the session on the other. Nothing of Apple's is in the log.
func TestAppleOverTwoNodes(t *testing.T) {
	t.Parallel()
	fake := testidp.StartApple(t, time.Now)
	key := filepath.Join(t.TempDir(), "key.p8")
	if err := os.WriteFile(key, []byte(fake.PrivateKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b := twoNodes(t, plan{global: codesAndLinks + fmt.Sprintf("\n\t\tprovider apple {\n\t\t\tclient_id %s\n\t\t\tteam_id %s\n\t\t\tkey_id %s\n"+
		"\t\t\tprivate_key {file.%s}\n\t\t\tbase_url %s\n\t\t}\n", testidp.AppleClientID, testidp.AppleTeamID, testidp.AppleKeyID, key, fake.Issuer())})
	fake.User = map[string]any{"sub": "001.ab.2", "email": "x1@privaterelay.appleid.com", "email_verified": "true", "is_private_email": "true",
		"name": map[string]string{"firstName": "Ada", "lastName": "Lovelace"}}
	cookies := appleSignIn(t, fake, a, b)
	if me := b.api(t, "GET", "/me", nil, call{cookies: cookies}).must(t, 200, "").json(t); me["first_name"] != "Ada" || me["email"] != fake.User["email"] {
		t.Errorf("%v", me)
	}
	list, _ := b.api(t, "GET", "/connections", nil, call{cookies: cookies}).must(t, 200, "").json(t)["connections"].([]any)
	if len(list) != 1 {
		t.Fatalf("%v", list)
	}
	id, _ := list[0].(map[string]any)["id"].(string)
	a.api(t, "DELETE", "/connections/"+url.PathEscape(id), nil, call{cookies: cookies, header: map[string]string{"Origin": a.url("")}}).must(t, 204, "")
	inTime(t, 20*time.Second, "consent is taken back", func() bool { return !fake.LastGood() })

	fake.User = map[string]any{"sub": "003.cd.4", "email": "grace@example.com", "email_verified": true}
	cookies = appleSignIn(t, fake, b, a)
	a.api(t, "GET", "/me", nil, call{cookies: cookies}).must(t, 200, "")
	payload := fake.Notification(`{"type":"account-delete","sub":"003.cd.4","event_time":1508184845000}`, nil)
	b.api(t, "POST", "/social/apple/notifications", object{"payload": payload}).must(t, http.StatusOK, "")
	eventually(t, "the session has ended on the other node", func() bool {
		return a.api(t, "GET", "/me", nil, call{cookies: cookies}).status == 401
	})
	a.api(t, "POST", "/social/apple/notifications", object{"payload": payload}).want(t, 400, "invalid_provider_answer")
	for _, log := range []string{a.logs(), b.logs()} {
		for _, secret := range []string{payload, fake.Last(), "Lovelace", "PRIVATE KEY"} {
			if strings.Contains(log, secret) {
				t.Errorf("the log has %.20s", secret)
			}
		}
	}
}
