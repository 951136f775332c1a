package portal_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// handingOut is a fake provider.
type handingOut interface {
	Handed() []string
	Settings(t testing.TB) federated.Settings
}

// acme is the fake of any OpenID provider.
type acme struct{ *testidp.Provider }

func (a acme) Settings(t testing.TB) federated.Settings { return a.Provider.Settings(t, "acme") }

// C19: after a sign-in by each provider, its codes and tokens are in no answer, cookie, page, event, mail, log, export or row of the database: not even
// the one that Apple's consent is taken back by, which is kept sealed.
func TestC19_ProviderTokens(t *testing.T) {
	fakes := map[string]handingOut{}
	h := open(t, plan{kinds: func(h *house) (all []federated.Settings) {
		for name, fake := range fakesOf(h) {
			fakes[name] = fake
			all = append(all, fake.Settings(h.T))
		}
		return all
	}})
	seen := map[string]string{}
	for name, fake := range fakes {
		b := h.browser()
		note := func(step string, a *answer) *answer {
			seen[name+", "+step] = fmt.Sprint(a.header, a.body)
			return a
		}
		arrived := note("callback", b.get(back(b, note("start", b.get("/social/"+name+"/start").want(303)), fake)).want(303))
		if name == "facebook" { // it proves no address
			note("what is missing", b.get("/social/complete").want(200))
			arrived = note("completed", b.post("/social/complete", []string{"otp", h.Mail(t, "facebook@example.com", authcore.MailProviderCode).Code}))
		}
		arrived.leads("/auth/account")
		for _, path := range []string{"/account", "/account/connections", "/account/history"} {
			note(path, b.get(path).want(200))
		}
		for _, path := range []string{"/me", "/connections", "/sessions"} {
			note(path, b.get(path, header("Accept", "application/json")).want(200))
		}
		note("refused", h.browser().get(back(b, b.get("/social/"+name+"/start", header("Cookie")).want(303), fake)).want(400)) // a code that nobody has redeemed
		seen[name+", cookies"] = fmt.Sprint(b.cookies, b.device)
	}
	h.whatIsKept(seen)
	for name, fake := range fakes {
		secrets := fake.Handed()
		if len(secrets) < 2 {
			t.Fatalf("%s has handed out %d codes and tokens", name, len(secrets))
		}
		for _, secret := range secrets {
			secret = secret[strings.LastIndexByte(secret, '.')+1:] // a signature is of one token alone
			for place, text := range seen {
				for from := 0; from+24 <= len(secret); from += 24 { // a row may lie in pieces
					if strings.Contains(text, secret[from:from+24]) {
						t.Errorf("%s: a code or token of %s is there", place, name)
						break
					}
				}
			}
		}
	}
}

// fakesOf starts one provider of each kind. Somebody else signs in at each.
func fakesOf(h *house) map[string]handingOut {
	now := func() time.Time { return h.Clock.Now() }
	generic, google, apple := testidp.Start(h.T, now), testidp.StartGoogle(h.T, now), testidp.StartApple(h.T, now)
	facebook, github := testidp.StartFacebook(h.T, now), testidp.StartGitHub(h.T)
	person := func(name string) map[string]any {
		return map[string]any{"sub": name, "id": 42, "login": name, "name": name, "email": name + "@example.com", "email_verified": true}
	}
	generic.User, google.User, apple.User, github.User = person("generic"), person("google"), person("apple"), person("github")
	facebook.User = map[string]any{"id": "facebook", "name": "Face Book", "email": "facebook@example.com"}
	github.Emails = []map[string]any{{"email": "github@example.com", "primary": true, "verified": true}}
	return map[string]handingOut{"acme": acme{generic}, "google": google, "apple": apple, "facebook": facebook, "github": github}
}

// back is where somebody is led by the provider, or by the form that Apple has them post.
func back(b *browser, begun *answer, fake handingOut) string {
	b.Helper()
	to := begun.header.Get("Location")
	switch fake := fake.(type) {
	case *testidp.Apple:
		form := fake.Form(to)
		posted := b.house.browser().post("/social/apple/callback", []string{"code", form.Get("code"), "state", form.Get("state"), "user", form.Get("user")},
			header("Sec-Fetch-Site", "cross-site"), header("Origin", "https://appleid.apple.com")).want(http.StatusSeeOther)
		return strings.TrimPrefix(posted.header.Get("Location"), "/auth")
	case interface{ Answer(authURL string) string }:
		at, err := url.Parse(fake.Answer(to))
		if err != nil {
			b.Fatal(err)
		}
		return strings.TrimPrefix(at.Path, "/auth") + "?" + at.RawQuery
	}
	b.Fatalf("%T sends nobody back", fake)
	return ""
}

// whatIsKept adds all that is kept of everybody: events, mails, exports, the log and the files of the database.
func (h *house) whatIsKept(seen map[string]string) {
	h.Helper()
	for _, e := range h.Events() {
		text, err := json.Marshal(e)
		if err != nil {
			h.Fatal(err)
		}
		seen["events"] += string(text)
		if place := "export of " + e.AccountID.String(); e.AccountID != uuid.Nil && seen[place] == "" {
			all, err := h.Export.Export(h.Context(), e.AccountID, testflow.Client())
			if err != nil {
				h.Fatal(err)
			}
			seen[place] = string(all)
		}
	}
	seen["log"] = h.log.String()
	for _, ending := range []string{"", "-wal"} {
		content, err := os.ReadFile(h.File() + ending)
		if err != nil {
			h.Fatal(err)
		}
		seen["database"] += string(content)
	}
	if !strings.Contains(seen["database"], "google@example.com") || len(seen["events"]) < 100 {
		h.Error("what is kept was not found")
	}
}
