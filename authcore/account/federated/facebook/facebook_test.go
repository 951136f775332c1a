package facebook_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/facebook"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

func pair(t *testing.T) (*testidp.Facebook, *facebook.Provider) {
	t.Helper()
	fake := testidp.StartFacebook(t, time.Now)
	fake.User = map[string]any{"id": "10223", "name": "Ada Lovelace", "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com", "locale": "en_GB"}
	p, err := facebook.New(facebook.Config{BaseURL: fake.URL(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret),
		Reads: []string{"given_name", "locale"}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return fake, p
}

func signIn(t *testing.T, fake *testidp.Facebook, p *facebook.Provider, change func(*idp.Code)) (idp.Identity, error) {
	t.Helper()
	return testidp.SignIn(t, p, func(to string) url.Values { return testidp.Query(t, fake.Answer(to)) }, change)
}

// Two calls, each of the Graph API with the proof; no address is proven, and often there is none.
func TestExchange(t *testing.T) {
	t.Parallel()
	fake, p := pair(t)
	id, err := signIn(t, fake, p, nil)
	if err != nil || id.Issuer != fake.URL() || id.Subject != "10223" || id.Email != "ada@example.com" || id.EmailVerified ||
		id.Text("given_name") != "Ada" || id.Text("family_name") != "Lovelace" || id.Text("locale") != "en_GB" {
		t.Errorf("%+v %v", id, err)
	}
	if got := fmt.Sprint(fake.Calls()); got != "map[me:1 token:1]" {
		t.Error(got)
	}
	delete(fake.User, "email")
	if id, err = signIn(t, fake, p, nil); err != nil || id.Email != "" {
		t.Errorf("%+v %v", id, err)
	}
}

// C10: Facebook calls no address proven, whatever is in its answer.
func TestC10_NoProof(t *testing.T) {
	t.Parallel()
	fake, p := pair(t)
	fake.Me = func(me map[string]any) { me["email_verified"], me["verified"] = true, true }
	if id, err := signIn(t, fake, p, nil); err != nil || id.EmailVerified || id.Claims["email_verified"] != nil {
		t.Errorf("%+v %v", id, err)
	}
}

// C02: another verifier, code or address is refused with 400 and an object, which is no fault of Facebook's.
func TestC02_Refused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*idp.Code){
		"verifier": func(c *idp.Code) { c.Verifier = secret.Token() }, "code": func(c *idp.Code) { c.Code = "expired" },
		"redirect": func(c *idp.Code) { c.RedirectURI = "https://evil.example/" },
	} {
		fake, p := pair(t)
		if id, err := signIn(t, fake, p, change); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An id that is not text, or missing, is nobody.
func TestExchange_IDs(t *testing.T) {
	t.Parallel()
	fake, p := pair(t)
	for _, id := range []any{nil, 10223, "", strings.Repeat("1", 256), []string{"1"}} {
		fake.Me = func(me map[string]any) { me["id"] = id }
		if got, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrAnswer) || got.Subject != "" {
			t.Errorf("%v: %+v %v", id, got, err)
		}
	}
}

// C15: faults of Facebook's own and its limits come with 400 as well; the others are of what was asked.
func TestC15_Faults(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"token", "me"} {
		for code, want := range map[int]error{2: idp.ErrUnavailable, 4: idp.ErrUnavailable, 613: idp.ErrUnavailable, 100: idp.ErrAnswer, 190: idp.ErrAnswer} {
			fake, p := pair(t)
			fake.Fault[step] = code
			if _, err := signIn(t, fake, p, nil); !errors.Is(err, want) || errors.Is(err, idp.ErrAnswer) != errors.Is(want, idp.ErrAnswer) {
				t.Errorf("%d at %s: %v", code, step, err)
			}
		}
	}
}

// An access token from an app counts once Facebook says that it was given to our app.
func TestNative_AccessTokenOfAnotherApp(t *testing.T) {
	t.Parallel()
	fake, p := pair(t)
	id, err := p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()})
	if err != nil || id.Subject != "10223" {
		t.Errorf("%+v %v", id, err)
	}
	fake.Debug = func(d map[string]any) { d["expires_at"] = 0 } // never
	if _, err := p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()}); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(d map[string]any){
		"of another app":    func(d map[string]any) { d["app_id"] = "another" },
		"of no app":         func(d map[string]any) { delete(d, "app_id") },
		"not valid":         func(d map[string]any) { d["is_valid"] = false },
		"not said valid":    func(d map[string]any) { delete(d, "is_valid") },
		"expired":           func(d map[string]any) { d["expires_at"] = time.Now().Add(-time.Second).Unix() },
		"of a page":         func(d map[string]any) { d["type"] = "PAGE" },
		"of another person": func(d map[string]any) { d["user_id"] = "2" },
		"of no person":      func(d map[string]any) { delete(d, "user_id") },
	} {
		fake.Debug = change
		if id, err := p.Native(t.Context(), idp.Native{AccessToken: fake.AccessToken()}); !errors.Is(err, idp.ErrAnswer) || id.Subject != "" {
			t.Errorf("%s: %+v %v", name, id, err)
		}
	}
	fake.Debug = nil
	if _, err := p.Native(t.Context(), idp.Native{AccessToken: "made-up"}); !errors.Is(err, idp.ErrAnswer) {
		t.Error(err)
	}
	if _, err := p.Native(t.Context(), idp.Native{IDToken: "x", Nonce: "n"}); !errors.Is(err, idp.ErrNotTaken) {
		t.Error(err)
	}
}
