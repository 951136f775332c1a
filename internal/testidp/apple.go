package testidp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/apple"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// The client that Apple knows.
const (
	AppleClientID = "com.example.web"
	AppleTeamID   = "TEAM123456"
	AppleKeyID    = "KEY1234567"
)

// appleName is what Apple calls itself, wherever it is.
const appleName = "https://appleid.apple.com"

// Apple is a provider as Apple is: it answers by a form, tells a name once, takes a signed secret, and writes booleans as text.
type Apple struct {
	*Provider
	key     *ecdsa.PrivateKey
	refresh map[string]bool // whether each is good
	last    string          // the latest of them
	met     map[any]bool    // by subject: who has had a first consent
}

// StartApple starts an Apple that ends with the test.
func StartApple(t testing.TB, now func() time.Time) *Apple {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	a := &Apple{Provider: Start(t, now), key: key, refresh: map[string]bool{}, met: map[any]bool{}}
	a.client = a.knowsClient
	a.more = func(grant) map[string]any {
		token := a.out(random())
		a.refresh[token], a.last = true, token
		return map[string]any{"refresh_token": token}
	}
	a.Document = func(d map[string]any) {
		d["issuer"], d["revocation_endpoint"] = appleName, a.server.URL+"/auth/revoke"
		delete(d, "userinfo_endpoint")
		delete(d, "authorization_response_iss_parameter_supported")
	}
	a.Token = a.claims
	a.handle("/auth/revoke", "revoke", a.revoke)
	return a
}

func (a *Apple) claims(c map[string]any) {
	c["iss"], c["aud"], c["nonce_supported"] = appleName, AppleClientID, true
	delete(c, "name")
}

// Settings returns Apple as one of a configuration.
func (a *Apple) Settings(t testing.TB) federated.Settings {
	t.Helper()
	p, err := apple.New(apple.Config{BaseURL: a.Issuer(), ClientID: AppleClientID, TeamID: AppleTeamID, KeyID: AppleKeyID,
		PrivateKey: secret.FromString(a.PrivateKey()), Now: a.now})
	if err != nil {
		t.Fatal(err)
	}
	return federated.Settings{Name: "apple", Title: "Apple", Provider: p, SignUp: true, Trust: federated.Trust{All: true}}
}

// PrivateKey returns the client's key, as Apple's console hands it out.
func (a *Apple) PrivateKey() string {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// knowsClient checks the secret that the client has signed.
func (a *Apple) knowsClient(r *http.Request) bool {
	signed, err := jose.ParseSigned(r.PostFormValue("client_secret"), []jose.SignatureAlgorithm{jose.ES256})
	if err != nil || signed.Signatures[0].Header.KeyID != AppleKeyID || r.PostFormValue("client_id") != AppleClientID {
		return false
	}
	payload, err := signed.Verify(a.key.Public())
	var c struct {
		Iss, Sub, Aud string
		Iat, Exp      int64
	}
	now := a.now().Unix()
	return err == nil && json.Unmarshal(payload, &c) == nil && c.Iss == AppleTeamID && c.Sub == AppleClientID && c.Aud == appleName &&
		c.Iat <= now && c.Exp > now && c.Exp-c.Iat <= 15777000
}

// Form returns what the browser posts that was sent to a URL of the provider, with User signed in. The name comes the first time alone.
func (a *Apple) Form(authURL string) url.Values {
	u, err := url.Parse(authURL)
	if err != nil {
		panic(err)
	}
	a.Lock()
	defer a.Unlock()
	form := url.Values{"state": {u.Query().Get("state")}, "code": {a.grant(u.Query())}}
	if !a.met[a.User["sub"]] {
		user, err := json.Marshal(map[string]any{"name": a.User["name"], "email": a.User["email"]})
		if err != nil {
			panic(err)
		}
		form.Set("user", string(user))
	}
	a.met[a.User["sub"]] = true
	return form
}

// Notification returns the payload of a notification of an event, with these claims besides; a nil value removes one.
func (a *Apple) Notification(event string, more map[string]any) string {
	a.Lock()
	defer a.Unlock()
	now := a.now()
	claims := map[string]any{"iss": appleName, "aud": AppleClientID, "iat": now.Unix(), "exp": now.Add(24 * time.Hour).Unix(), "jti": random(), "events": event}
	for name, value := range more {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return a.sign(claims, a.Algorithm)
}

// Good reports how many refresh tokens were handed out and not revoked.
func (a *Apple) Good() (n int) {
	a.Lock()
	defer a.Unlock()
	for _, good := range a.refresh {
		if good {
			n++
		}
	}
	return n
}

// Last returns the refresh token that was handed out last.
func (a *Apple) Last() string {
	a.Lock()
	defer a.Unlock()
	return a.last
}

// LastGood reports whether the refresh token that was handed out last is good.
func (a *Apple) LastGood() bool {
	a.Lock()
	defer a.Unlock()
	return a.refresh[a.last]
}

func (a *Apple) revoke(w http.ResponseWriter, r *http.Request) {
	a.Lock()
	defer a.Unlock()
	if !a.knowsClient(r) {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_client"})
		return
	}
	if _, known := a.refresh[r.PostFormValue("token")]; known {
		a.refresh[r.PostFormValue("token")] = false
	}
}
