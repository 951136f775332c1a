package dfauth_test

import (
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// ofProvider is the body of social/ and social/connect/.
func ofProvider(name, token string) string {
	return "provider=" + name + "&access_token=" + url.QueryEscape(token)
}

// bySocial signs in by a provider's token, and returns the header of ours.
func bySocial(t *testing.T, e *testdialect.Env, name, token string) string {
	t.Helper()
	says := e.Want(t, 200, "POST", base+"/social/", ofProvider(name, token), "")
	if len(says) != 2 || says["provider"] != name {
		t.Errorf("social answered %v", says)
	}
	return "Bearer " + says["token"].(string)
}

// TestSocial: an access token and an id_token of Google sign in, each once where it is an id_token, and connect an account. An access token that
// another app got is none, whoever it is of.
func TestSocial(t *testing.T) {
	t.Parallel()
	fake := testidp.StartGoogle(t, time.Now)
	fake.User = map[string]any{"sub": "1084", "email": "grace@example.com", "email_verified": true, "given_name": "Grace"}
	e := open(t, defaults, testflow.Options{Providers: []federated.Settings{fake.Settings(t)}})
	grace := bySocial(t, e, "google-oauth2", fake.AccessToken())
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", grace); me["email"] != "grace@example.com" || me["first_name"] != "Grace" {
		t.Errorf("the user is %v", me)
	}
	id := fake.IDToken("n")
	bySocial(t, e, "google-oauth2", id)
	for _, token := range []string{id, "x", "x.y.z"} { // an id_token is good once
		wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", ofProvider("google-oauth2", token), "")
	}
	fake.Lock()
	fake.TokenInfo = func(info map[string]any) { info["aud"], info["azp"] = "another-app", "another-app" }
	fake.Unlock()
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", ofProvider("google-oauth2", fake.AccessToken()), "")
	fake.Lock()
	fake.TokenInfo = nil
	fake.Unlock()
	wantCode(t, e, 403, "permission_denied", "POST", base+"/social/", ofProvider("google-oauth2", "x"), grace)
	for _, name := range []string{"github", "google", "facebook", "apple-id"} {
		if got := refused(t, e, 400, "POST", base+"/social/", ofProvider(name, "x"), ""); got["field"] != "provider" || got["code"] != "invalid" {
			t.Errorf("%s answered %v", name, got)
		}
	}
	wantCode(t, e, 401, "not_authenticated", "POST", base+"/social/connect/", ofProvider("google-oauth2", "x"), "")
	ada := person(t, e, "email="+email)
	wantCode(t, e, 400, "invalid", "POST", base+"/social/connect/", ofProvider("google-oauth2", fake.AccessToken()), ada) // grace has it
	fake.Lock()
	fake.User = map[string]any{"sub": "2", "email": "ada@corp.example", "email_verified": true}
	fake.Unlock()
	if says := e.Want(t, 200, "POST", base+"/social/connect/", ofProvider("google-oauth2", fake.AccessToken()), ada); says["provider"] != "google-oauth2" || says["token"] == "" {
		t.Errorf("connect answered %v", says)
	}
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", bySocial(t, e, "google-oauth2", fake.AccessToken())); me["email"] != email {
		t.Errorf("connected is %v", me)
	}
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/connect/", ofProvider("google-oauth2", "x"), ada)
}

// TestSocial_Apps: what an app gets from Apple, under both of its names, signs up and in; what it gets from Facebook signs in who has connected it.
// Names that the body has are taken where the provider tells none.
func TestSocial_Apps(t *testing.T) {
	t.Parallel()
	fb, apple := testidp.StartFacebook(t, time.Now), testidp.StartApple(t, time.Now)
	fb.User = map[string]any{"id": "77", "name": "Alan T", "first_name": "Alan", "email": "alan@example.com"}
	apple.User = map[string]any{"sub": "001.a", "email": "joan@example.com", "email_verified": "true"}
	e := open(t, defaults, testflow.Options{Providers: []federated.Settings{fb.Settings(t), apple.Settings(t)}})
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", ofProvider("facebook", fb.AccessToken()), "")
	connected(t, e, fb)
	fb.Lock()
	fb.Debug = func(data map[string]any) { data["app_id"] = "another-app" }
	fb.Unlock()
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", ofProvider("facebook", fb.AccessToken()), "")
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/social/", ofProvider("apple-id", "x"), "")
	says := e.Want(t, 200, "POST", base+"/social/", ofProvider("apple-id", apple.IDToken("n"))+"&first_name=Joan&last_name=C", "")
	joan := "Bearer " + says["token"].(string)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", joan); me["first_name"] != "Joan" || me["last_name"] != "C" || me["email"] != "joan@example.com" {
		t.Errorf("the user is %v", me)
	}
	bySocial(t, e, "apple", apple.IDToken("m")) // each token once
}

// connected connects a new account with alan's at Facebook, who vouches for no address, and returns the header of a token.
func connected(t *testing.T, e *testdialect.Env, fb *testidp.Facebook) string {
	t.Helper()
	alan := byCode(t, e, "email", "alan@example.com")
	e.Want(t, 200, "POST", base+"/social/connect/", ofProvider("facebook", fb.AccessToken()), alan)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", bySocial(t, e, "facebook", fb.AccessToken())); me["email"] != "alan@example.com" {
		t.Errorf("connected is %v", me)
	}
	return alan
}

// TestSocial_TwoFactor: a provider's token owes a second factor like any first proof, and takes it in the same call.
func TestSocial_TwoFactor(t *testing.T) {
	t.Parallel()
	fb := testidp.StartFacebook(t, time.Now)
	fb.User = map[string]any{"id": "77", "name": "Alan T", "email": "alan@example.com"}
	e := open(t, defaults, testflow.Options{Providers: []federated.Settings{fb.Settings(t)}})
	alan := connected(t, e, fb)
	device, code := add(t, e, "totp", "", alan)
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, alan)
	owed := refused(t, e, 401, "POST", base+"/social/", ofProvider("facebook", fb.AccessToken()), "")
	if list := owed["extra_data"].(map[string]any)["devices"].([]any); owed["code"] != "2fa_required" || len(list) != 1 || pathOf(list[0])+"/?type=totp" != device {
		t.Errorf("a second factor is owed: %v", owed)
	}
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/social/", ofProvider("facebook", fb.AccessToken())+"&otp=000000", "")
	e.Want(t, 200, "POST", base+"/social/", ofProvider("facebook", fb.AccessToken())+"&otp="+code(), "")
}

// TestSocial_SignUp: who is new gets an account where sign-up is open to them, and else the answer of a token that is no good.
func TestSocial_SignUp(t *testing.T) {
	t.Parallel()
	for mode, status := range map[string]int{"open": 200, "verified": 200, "invite": 401, "closed": 401} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			fake := testidp.StartGoogle(t, time.Now)
			fake.User = map[string]any{"sub": "77", "email": "alan@example.com", "email_verified": true}
			e := open(t, defaults, testflow.Options{Mode: signup.Mode(mode), Providers: []federated.Settings{fake.Settings(t)}})
			if status == 200 {
				bySocial(t, e, "google-oauth2", fake.AccessToken())
				return
			}
			wantCode(t, e, status, "authentication_failed", "POST", base+"/social/", ofProvider("google-oauth2", fake.AccessToken()), "")
			if _, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: "alan@example.com"}); err == nil {
				t.Error("there is an account")
			}
		})
	}
}
