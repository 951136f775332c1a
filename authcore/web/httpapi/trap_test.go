package httpapi_test

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

const trapAddr = "203.0.113.7"

func signUpAs(more string) string {
	return `{"email":"` + uuid.NewString() + `@example.com","password":"` + password + `"` + more + `}`
}

// TestTrap_Register: a sign-up whose hidden field is filled in is answered as any, makes and sends nothing, and keeps its address out for the
// trap's lifetime. What is empty is not filled in.
func TestTrap_Register(t *testing.T) {
	for mode, status := range map[signup.Mode]int{signup.Verified: 202, signup.Open: 201} {
		t.Run(string(mode), func(t *testing.T) {
			h := open(t, plan{trap: true, signup: mode})
			as := from(trapAddr)
			for _, empty := range []string{``, `,"website":""`, `,"website":null`, `,"other":"x"`} {
				h.post("/register", signUpAs(empty), as).want(status)
			}
			honest := h.post("/register", signUpAs(``), from("203.0.113.8")).want(status).fields()
			const bot = `{"email":"bot@example.com","password":"` + password + `","username":"bot.one","website":"https://spam.example"}`
			h.post("/register", strings.Replace(bot, `"website"`, `"locale":"xx!","website"`, 1), from("203.0.113.9")).refused(422, authcore.InvalidFields)
			before := len(h.Events())
			got := h.post("/register", bot, as).want(status).fields()
			for name := range honest {
				if _, there := got[name]; !there {
					t.Errorf("the answer lacks %s: %v", name, got)
				}
			}
			if len(got) != len(honest) || got["expires_in"] != honest["expires_in"] || got["status"] != honest["status"] {
				t.Errorf("it is answered %v, another one %v", got, honest)
			}
			if u, is := got["user"].(map[string]any); is && (u["email"] != "bot@example.com" || u["username"] != "bot.one" || u["password_set"] != true) {
				t.Errorf("the account that is not there is shown as %v", u)
			}
			if told := h.Events()[before:]; len(told) != 1 || told[0].Kind != authcore.EventTrapSprung || len(h.Mails(t, "bot@example.com")) > 0 {
				t.Errorf("events %v, mails %v", told, h.Mails(t, "bot@example.com"))
			}
			for _, addr := range []string{trapAddr, "203.0.113.9"} {
				h.post("/register", signUpAs(``), from(addr)).refused(403, authcore.Blocked)
			}
			h.post("/register", signUpAs(``), from("203.0.113.8")).want(status)
			h.Clock.Advance(time.Hour)
			h.post("/register", signUpAs(``), as).want(status)
			h.post("/register", strings.Replace(bot, "website", "locale", 1), as).refused(422, authcore.InvalidFields)
			h.post("/register", strings.Replace(bot, "website", "other", 1), as).want(status) // nothing of it was taken
		})
	}
}

// TestTrap_LeftAlone: nothing is made for who was sent here by another site, is a proxy of many, is signed in or on this machine; but none of
// these addresses is kept out.
func TestTrap_LeftAlone(t *testing.T) {
	h := open(t, plan{trap: true})
	_, signedIn := h.withRoles("user.one")
	proxy := requestInfo(func(in *httpauth.RequestInfo) {
		in.Client.Addr = netip.MustParseAddr("198.51.100.1")
		in.IsProxy = func(a netip.Addr) bool { return a == in.Client.Addr }
	})
	for name, as := range map[string][]change{
		"cross-site": {from(trapAddr), header("Sec-Fetch-Site", "cross-site")}, "signed in": {from(trapAddr), signedIn},
		"proxy": {proxy}, "loopback": {from("127.0.0.1")},
	} {
		h.post("/register", signUpAs(`,"website":true`), as...).want(202)
		if again := h.post("/register", signUpAs(``), as...); again.status != 202 {
			t.Errorf("%s: %d %s", name, again.status, again.body)
		}
	}
	for name, as := range map[string][]change{
		"same origin": {from("203.0.113.21"), header("Sec-Fetch-Site", "same-origin")}, "no token of ours": {from("203.0.113.22"), bearer("x")},
		"two credentials": {from("203.0.113.23"), header("Authorization", "Bearer x", "Bearer y")},
	} {
		h.post("/register", signUpAs(`,"website":"x"`), as...).want(202)
		if again := h.post("/register", signUpAs(``), as...); again.status != 403 {
			t.Errorf("%s: %d %s", name, again.status, again.body)
		}
	}
}

// TestTrap_ByCode: who is new gets no code, or no account by a code; who has an account goes on.
func TestTrap_ByCode(t *testing.T) {
	h := open(t, plan{trap: true, ways: passwordless.Ways{Code: true, Link: true}, noPass: true, byCode: true})
	ask := func(to, more string, as change) {
		t.Helper()
		h.post("/otp", `{"login":"`+to+`"`+more+`}`, as).want(202)
	}
	ask("new@example.com", `,"website":"x"`, from(trapAddr))
	if sent := h.Mails(t, "new@example.com"); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
	ask("new@example.com", ``, from(trapAddr)) // the address is kept out
	if sent := h.Mails(t, "new@example.com"); len(sent) > 0 {
		t.Errorf("sent %v", sent)
	}
	as := from("203.0.113.8")
	ask("ada@example.com", ``, as)
	code := h.Mail(t, "ada@example.com", authcore.MailSignInCode).Code
	h.post("/otp/verify", `{"login":"ada@example.com","otp":"`+code+`","username":"ada.one","website":"x"}`, as).refused(403, authcore.Blocked)
	h.post("/otp/verify", `{"login":"ada@example.com","otp":"`+code+`","username":"ada.one"}`, as).refused(403, authcore.Blocked)
	h.post("/otp/verify", `{"login":"ada@example.com","otp":"`+code+`","username":"ada.one"}`, from("203.0.113.10")).want(200)
	h.Clock.Advance(time.Hour)
	ask("ada@example.com", `,"website":"x"`, as)
	code = h.Mail(t, "ada@example.com", authcore.MailSignInCode).Code
	h.post("/otp/verify", `{"login":"ada@example.com","otp":"`+code+`","website":"x"}`, as).want(200)
}

// TestTrap_ProviderToken: an app's sign-in by a provider makes no account for whom the field tells of; who has one goes on.
func TestTrap_ProviderToken(t *testing.T) {
	h := open(t, plan{trap: true, provider: true})
	as := from(trapAddr)
	h.post("/social/acme/token", h.idToken(`,"website":"x"`), as).refused(403, authcore.Blocked)
	h.post("/social/acme/token", h.idToken(``), as).refused(403, authcore.Blocked) // the address is kept out
	h.post("/social/acme/token", h.idToken(`,"website":""`), from("203.0.113.8")).want(200)
	h.post("/social/acme/token", h.idToken(`,"website":"x"`), as).want(200)
}

// TestTrap_Off: without a trap the member is one that nobody knows.
func TestTrap_Off(t *testing.T) {
	h := open(t)
	h.post("/register", `{"email":"`+email+`","password":"`+password+`","website":"x","":1,"-":1,"given":1}`, from(trapAddr)).want(202)
	if sent := h.Mails(t, email); len(sent) != 1 {
		t.Errorf("%d mails", len(sent))
	}
	h.call(http.MethodPost, "/register", signUpAs(``), from(trapAddr)).want(202)
}
