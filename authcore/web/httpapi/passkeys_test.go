package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testwebauthn"
)

// options are those of an answer.
func optionsOf(t *testing.T, fields map[string]any) json.RawMessage {
	t.Helper()
	raw, err := json.Marshal(fields["options"])
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// withKey adds a passkey or security key, and returns its entry.
func (h *house) withKey(t *testing.T, kind, token string) (*testwebauthn.Authenticator, map[string]any) {
	t.Helper()
	key := testwebauthn.New("https://auth.example.com")
	key.Unverified = kind == "security_key"
	added := h.post("/factors", `{"type":"`+kind+`"}`, bearer(token)).want(201).fields()
	credential := string(key.Create(t, optionsOf(t, added)))
	return key, h.post("/factors/"+added["id"].(string)+"/confirm", `{"credential":`+credential+`,"enable_2fa":true}`, bearer(token)).want(200).fields()
}

func TestPasskeys(t *testing.T) {
	h := open(t)
	h.account(email, username)
	key, entry := h.withKey(t, "passkey", h.mailed(h.signIn(email).AccessToken))
	if entry["rp_id"] != "auth.example.com" || entry["synced"] != false || entry["credential_id"] == "" || entry["user_handle"] == "" || entry["confirmed"] != true {
		t.Errorf("got %v", entry)
	}
	begun := h.post("/passkeys/options", "").want(200).fields()
	if allowed, ok := begun["options"].(map[string]any)["allowCredentials"].([]any); !ok || len(allowed) != 0 || begun["expires_in"] != 300.0 {
		t.Errorf("got %v", begun)
	}
	body := `{"credential":` + string(key.Get(t, optionsOf(t, begun))) + `}`
	pair := h.post("/passkeys/verify", body).want(200).fields() // with two-factor authentication on: a passkey is two kinds
	if pair["access_token"] == "" || pair["mfa_required"] != nil {
		t.Errorf("got %v", pair)
	}
	h.post("/passkeys/verify", body).refused(400, authcore.InvalidPasskey)
	h.post("/passkeys/verify", `{}`).refused(422, authcore.InvalidFields)
	stranger := testwebauthn.New(key.Origin)
	stranger.Create(t, optionsOf(t, h.post("/factors", `{"type":"passkey"}`, bearer(pair["access_token"].(string))).want(201).fields()))
	begun = h.post("/passkeys/options", "").want(200).fields()
	h.post("/passkeys/verify", `{"credential":`+string(stranger.Get(t, optionsOf(t, begun)))+`}`).refused(400, authcore.UnknownPasskey)
}

// A security key and a passkey as second factor: options come with the sign-in that waits.
func TestPasskeys_SecondFactor(t *testing.T) {
	for _, kind := range []string{"passkey", "security_key"} {
		t.Run(kind, func(t *testing.T) {
			h := open(t)
			h.account(email, username)
			key, _ := h.withKey(t, kind, h.mailed(h.signIn(email).AccessToken))
			waits := h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).want(200).fields()
			methods := waits["methods"].([]any)
			at := slices.IndexFunc(methods, func(m any) bool { return m.(map[string]any)["method"] == kind })
			if waits["mfa_required"] != true || at != 0 {
				t.Fatalf("got %v", waits)
			}
			options := optionsOf(t, methods[at].(map[string]any))
			token := `{"mfa_token":"` + waits["mfa_token"].(string) + `","method":"` + kind + `","credential":`
			key.Origin = "https://evil.example"
			h.post("/login/mfa", token+string(key.Get(t, options))+`}`).refused(400, authcore.InvalidPasskey)
			key.Origin = "https://auth.example.com"
			h.post("/login/mfa", token+string(key.Get(t, options))+`}`).refused(400, authcore.InvalidPasskey) // spent
			waits = h.post("/login", `{"login":"`+email+`","password":"`+password+`"}`).want(200).fields()
			options = optionsOf(t, waits["methods"].([]any)[at].(map[string]any))
			token = `{"mfa_token":"` + waits["mfa_token"].(string) + `","method":"` + kind + `","credential":`
			pair := h.post("/login/mfa", token+string(key.Get(t, options))+`}`).want(200).fields()
			me := h.call(http.MethodGet, "/me", "", bearer(pair["access_token"].(string))).want(200).fields()
			if me["email"] != email {
				t.Errorf("got %v", me)
			}
		})
	}
}
