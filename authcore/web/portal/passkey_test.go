package portal_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// news is what a page has the script tell and do.
type news struct {
	Unknown  map[string]string
	Accepted struct {
		RPID string   `json:"rpId"`
		User string   `json:"userId"`
		IDs  []string `json:"allAcceptedCredentialIds"`
	}
	Details map[string]string
	Offer   map[string]string
	Onward  bool
}

func (a *answer) news() (n news) {
	a.Helper()
	for _, div := range a.want(http.StatusOK).all("div") {
		if attr(div, "id") == "passkeys" {
			if err := json.Unmarshal([]byte(attr(div, "data-told")), &n); err != nil {
				a.Fatal(err)
			}
			if !onlyPasskeys(a) {
				a.Errorf("the policy does not let the script run: %v", a.header)
			}
		}
	}
	return n
}

// shows ends the test unless this stands in the page's source.
func (a *answer) shows(source string) {
	a.Helper()
	if !strings.Contains(a.body, source) {
		a.Fatalf("%s is not in\n%s", source, a.body)
	}
}

func (h *house) owner() uuid.UUID {
	h.Helper()
	a, err := h.Store.AccountByIdentifier(h.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		h.Fatal(err)
	}
	return a.ID
}

// withKey adds a passkey or security key.
func (h *house) withKey(kind authcore.FactorType) (*testwebauthn.Authenticator, authcore.Factor) {
	h.Helper()
	key := testwebauthn.New(origin)
	added, err := h.Factors.Add(h.Context(), factor.AddInput{SignIn: h.Mailed(), AccountID: h.owner(), Type: kind, Client: testflow.Client()})
	if err != nil {
		h.Fatal(err)
	}
	in := factor.ConfirmInput{AccountID: h.owner(), FactorID: added.Factor.ID, Credential: key.Create(h, added.Options), Client: testflow.Client()}
	done, err := h.Factors.Confirm(h.Context(), in)
	if err != nil {
		h.Fatal(err)
	}
	return key, done.Factor
}

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// TestPasskeys_Signals: the account's pages tell password managers which passkeys are taken and the name of now; a sign-in tells of a
// credential that nobody has, and of nothing else.
func TestPasskeys_Signals(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	key, x := h.withKey(authcore.FactorPasskey)
	for _, kind := range []authcore.FactorType{authcore.FactorPasskey, authcore.FactorTOTP} { // neither is confirmed
		if _, err := h.Factors.Add(t.Context(), factor.AddInput{SignIn: h.Mailed(), AccountID: h.owner(), Type: kind, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/account", "/account/factors"} {
		told := b.get(path).news()
		if got := told.Accepted; got.RPID != host || got.User != b64(key.Handle) || !slices.Equal(got.IDs, []string{b64(key.ID)}) {
			t.Errorf("%s: accepted %+v", path, got)
		}
		if told.Details["name"] != email || told.Details["displayName"] != email || told.Details["userId"] != b64(key.Handle) || told.Unknown != nil || told.Onward {
			t.Errorf("%s: %+v", path, told)
		}
	}
	gives := func(spoil func()) *answer {
		options, _, err := h.Factors.AskAnybody(t.Context(), testflow.Client())
		if err != nil {
			t.Fatal(err)
		}
		spoil()
		return h.browser().post("/passkeys/verify", []string{"credential", string(key.Get(t, options))})
	}
	gives(func() {}).leads("/auth/account")
	gives(func() { key.Origin = "https://evil.example" }).want(http.StatusBadRequest).silent("data-told")
	key.Origin = origin
	if err := h.Factors.Remove(t.Context(), h.owner(), x.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if told := b.get("/account").news(); told.Accepted.IDs == nil || len(told.Accepted.IDs) != 0 {
		t.Errorf("after it was removed: %+v", told.Accepted)
	}
	unknown := gives(func() {}).want(http.StatusBadRequest)
	unknown.status = http.StatusOK
	if told := unknown.news(); told.Unknown["rpId"] != host || told.Unknown["credentialId"] != b64(key.ID) || told.Accepted.User != "" {
		t.Errorf("nobody has it: %+v", told)
	}
}

// TestO17_PasskeyOffer: a passkey is offered after a sign-in with a password that may add one, where there is none yet, and never to who
// gave the password alone and would add their first factor.
func TestO17_PasskeyOffer(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	onward := "/onward?rd=" + url.QueryEscape(origin+"/x")
	offers := func(want bool, why string) {
		t.Helper()
		for _, path := range []string{"/account", onward} {
			told := b.get(path).news()
			if got := told.Offer != nil; got != want {
				t.Errorf("%s, %s: %v", path, why, told.Offer)
			}
			if want && (told.Offer["to"] != "/auth/factors" || told.Offer["session"] == "" || told.Onward != (path == onward)) {
				t.Errorf("%s, %s: %+v", path, why, told)
			}
		}
		if b.get("/account/factors").news().Offer != nil {
			t.Error("where there is a form for it")
		}
	}
	offers(false, "the password alone, and no factor")
	b.get("/account").shows(`<a href="/auth/account/factors">Second factors</a> <span class="state">None</span>`)
	_, key := h.withKey(authcore.FactorSecurityKey)
	b.get("/account").shows(`<a href="/auth/account/factors">Second factors</a> <span class="state">1 set up</span>`)
	offers(false, "a factor that nobody is asked for")
	if err := h.Factors.Remove(t.Context(), h.owner(), key.ID, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Factors.Enable(t.Context(), h.owner(), "", h.Mailed(), testflow.Client()); err != nil {
		t.Fatal(err)
	}
	b.cookies = map[string]string{}
	b.post("/login", []string{"login", email, "password", testflow.Password}).leads("/auth/login/mfa")
	b.post("/login/mfa", []string{"use", "email", "otp", h.Mail(t, email, authcore.MailSecondFactorCode).Code}).leads("/auth/account")
	offers(true, "signed in by two proofs")
	h.Clock.Advance(11 * time.Minute)
	offers(false, "signed in long ago")
	h.Clock.Advance(-11 * time.Minute)
	h.withKey(authcore.FactorPasskey)
	offers(false, "with a passkey")
}
