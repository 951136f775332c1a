package dfauth_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/google"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// TestSocial: an access token and an id_token of Google sign in, each once where it is an id_token, and connect an account.
func TestSocial(t *testing.T) {
	t.Parallel()
	fake := testidp.StartGoogle(t, time.Now)
	fake.User = map[string]any{"sub": "1084", "email": "grace@example.com", "email_verified": true, "given_name": "Grace"}
	p, err := google.New(google.Config{BaseURL: fake.Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	e := open(t, defaults, testflow.Options{Providers: []federated.Settings{{Name: "google", Title: "Google", SignUp: true, Trust: federated.Trust{All: true}, Provider: p}}})
	social := func(status int, at, token, authorization string) map[string]any {
		return e.Want(t, status, "POST", base+at, `{"provider":"google-oauth2","access_token":"`+token+`"}`, authorization)
	}
	says := social(200, "/social/", fake.AccessToken(), "")
	grace := "Bearer " + says["token"].(string)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", grace); says["provider"] != "google-oauth2" || me["email"] != "grace@example.com" || me["first_name"] != "Grace" {
		t.Errorf("social answered %v, the user is %v", says, me)
	}
	id := fake.IDToken("n")
	social(200, "/social/", id, "")
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", `{"provider":"google-oauth2","access_token":"`+id+`"}`, "") // once
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", `{"provider":"google-oauth2","access_token":"x"}`, "")
	wantCode(t, e, 403, "permission_denied", "POST", base+"/social/", `{"provider":"google-oauth2","access_token":"x"}`, grace)
	wantCode(t, e, 400, "invalid", "POST", base+"/social/", `{"provider":"github","access_token":"x"}`, "")
	wantCode(t, e, 400, "invalid", "POST", base+"/social/", `{"provider":"facebook","access_token":"x"}`, "")
	wantCode(t, e, 401, "not_authenticated", "POST", base+"/social/connect/", `{"provider":"google-oauth2","access_token":"x"}`, "")
	ada := person(t, e, "email="+email)
	wantCode(t, e, 400, "invalid", "POST", base+"/social/connect/", `{"provider":"google-oauth2","access_token":"`+fake.AccessToken()+`"}`, ada) // grace has it
	fake.Lock()
	fake.User["sub"], fake.User["email"] = "2", "ada@corp.example"
	fake.Unlock()
	if says := social(200, "/social/connect/", fake.AccessToken(), ada); says["provider"] != "google-oauth2" || says["token"] == "" {
		t.Errorf("connect answered %v", says)
	}
}
