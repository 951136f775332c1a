package httpapi_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// TestO17_FactorsWithAStolenSession: whoever has found a browser open neither adds, removes nor switches off a factor.
func TestO17_FactorsWithAStolenSession(t *testing.T) {
	h := open(t)
	h.account(email, username)
	const proof = `"password":"` + password + `"`
	for _, c := range [][2]string{{http.MethodGet, "/factors"}, {http.MethodGet, "/2fa"}} {
		h.call(c[0], c[1], "").refused(401, authcore.AuthenticationRequired)
	}
	token := h.signedInBefore(email)
	h.post("/factors", `{"type":"totp"}`, token).refused(403, authcore.ReauthenticationRequired)
	h.post("/factors", `{"type":"totp","password":"wrong"}`, token).refused(401, authcore.InvalidCredentials)
	h.call(http.MethodPut, "/2fa", "", token).refused(403, authcore.ReauthenticationRequired)
	h.post("/factors", `{"type":"telepathy",`+proof+`}`, token).refused(422, authcore.InvalidFields)
	h.post("/factors", `{"type":"sms","phone":"+436641234567",`+proof+`}`, token).refused(422, authcore.InvalidFields)
	h.post("/factors", `{`+proof+`}`, token).refused(422, authcore.InvalidFields)

	h.post("/factors", `{"type":"totp","name":"Phone",`+proof+`}`, token).refused(403, authcore.ReauthenticationRequired) // the first one
	token = bearer(h.mailed(h.signIn(email).AccessToken))
	added := h.post("/factors", `{"type":"totp","name":"Phone"}`, token).want(201).fields()
	id, seed := added["id"].(string), added["secret"].(string)
	if added["confirmed"] != false || added["otpauth_url"] == "" || added["qr_svg"] == "" || added["name"] != "Phone" || added["last_used_at"] != nil {
		t.Errorf("got %v", added)
	}
	h.call(http.MethodGet, "/factors/"+id, "", token).want(200)
	h.call(http.MethodGet, "/factors/none", "", token).refused(404, authcore.NotFound)
	h.post("/factors/"+id+"/confirm", `{"code":"000000x"}`, token).refused(400, authcore.InvalidCode)
	h.post("/factors/"+id+"/confirm", `{}`, token).refused(422, authcore.InvalidFields)
	h.post("/factors/none/confirm", `{"code":"1"}`, token).refused(404, authcore.NotFound)
	code := testotp.Code(t, seed, h.Clock.Now())
	done := h.post("/factors/"+id+"/confirm", `{"code":"`+code+`","enable_2fa":true}`, token).want(200).fields()
	if done["confirmed"] != true || len(done["recovery_codes"].([]any)) != 10 {
		t.Errorf("got %v", done)
	}
	list := h.call(http.MethodGet, "/factors", "", token).want(200).fields()["factors"].([]any)
	if len(list) != 2 || list[1].(map[string]any)["left"] != 10.0 {
		t.Errorf("got %v", list)
	}
	if me := h.call(http.MethodGet, "/me", "", token).want(200).fields(); me["mfa_enabled"] != true {
		t.Errorf("got %v", me)
	}
	state := h.call(http.MethodGet, "/2fa", "", token).want(200).fields()
	if state["enabled"] != true || state["required"] != true || state["required_by"] != "account" || len(state["methods"].([]any)) != 2 ||
		state["recovery_codes_left"] != 10.0 || state["trusted_devices"] != 0.0 || state["preferred"] != "" {
		t.Errorf("got %v", state)
	}
	h.call(http.MethodDelete, "/factors/"+id, "", token).refused(403, authcore.MFARequired) // confirming a factor has proved nothing
	h.call(http.MethodDelete, "/2fa", "", token).refused(403, authcore.MFARequired)
}

func TestFactors_Manage(t *testing.T) {
	h := open(t)
	h.account(email, username)
	first := h.signIn(email).AccessToken
	for _, body := range []string{"", `{"password":"` + password + `"}`} { // the password alone adds no first factor
		h.call(http.MethodPut, "/2fa", body, bearer(first)).refused(403, authcore.ReauthenticationRequired)
	}
	token := bearer(h.mailed(first))
	on := h.call(http.MethodPut, "/2fa", "", token).want(200).fields()
	if len(on["recovery_codes"].([]any)) != 10 || on["enabled"] != true {
		t.Errorf("got %v", on)
	}
	h.call(http.MethodDelete, "/2fa", "", token).refused(403, authcore.MFARequired) // the sign-in was by less than one needs now
	code := on["recovery_codes"].([]any)[0].(string)
	token = bearer(h.post("/login", `{"login":"`+email+`","password":"`+password+`","otp":"`+code+`"}`).want(200).pair().AccessToken)
	list := h.call(http.MethodGet, "/factors", "", token).want(200).fields()["factors"].([]any)
	box := list[0].(map[string]any)
	if box["type"] != "email" || box["to"] != "a***@example.com" {
		t.Errorf("got %v", box)
	}
	id := box["id"].(string)
	if got := h.call(http.MethodPatch, "/factors/"+id, `{"name":"Mailbox"}`, token).want(200).fields(); got["name"] != "Mailbox" {
		t.Errorf("got %v", got)
	}
	h.call(http.MethodPatch, "/factors/"+id, `{"name":"a\u0007"}`, token).refused(422, authcore.InvalidFields)
	h.call(http.MethodPatch, "/factors/"+id, `{}`, token).refused(422, authcore.InvalidFields)
	h.call(http.MethodPatch, "/factors/none", `{"name":"x"}`, token).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/factors/"+id, "", token).refused(409, authcore.LastFactor)
	h.call(http.MethodDelete, "/factors/none", "", token).refused(404, authcore.NotFound)
	h.call(http.MethodPut, "/2fa", `{"preferred":"totp"}`, token).refused(422, authcore.InvalidFields)
	if got := h.post("/factors", `{"type":"recovery"}`, token).want(201).fields(); len(got["codes"].([]any)) != 10 || got["confirmed"] != true {
		t.Errorf("got %v", got)
	}
	got := h.post("/factors", `{"type":"email","email":"box@example.com"}`, token).want(201).fields()
	if got["expires_in"] != 600.0 || got["to"] != "b***@example.com" {
		t.Errorf("got %v", got)
	}
	confirm := "/factors/" + got["id"].(string) + "/confirm"
	for range 5 {
		h.post(confirm, `{"code":"000000x"}`, token).refused(400, authcore.InvalidCode)
	}
	h.post(confirm, `{"code":"000000x"}`, token).refused(429, authcore.TooManyAttempts)
	h.call(http.MethodDelete, "/2fa", "", token).want(204)
	h.call(http.MethodDelete, "/factors/"+id, "", token).want(204)
	h.Clock.Advance(time.Second)
}

// TestFactors_FillNoStrangersMailboxes: an account names other people's addresses as its factors, one after the other.
func TestFactors_FillNoStrangersMailboxes(t *testing.T) {
	h := open(t)
	h.account(email, username)
	h.Clock.Advance(time.Minute) // what signing up took from the limit
	token := bearer(h.mailed(h.signIn(email).AccessToken))
	for i := range 30 {
		h.post("/factors", fmt.Sprintf(`{"type":"email","email":"stranger%d@example.com"}`, i), token).want(201)
	}
	h.post("/factors", `{"type":"email","email":"one-more@example.com"}`, token).refused(429, authcore.RateLimited)
	h.post("/factors", `{"type":"totp"}`, token).want(201) // sends nothing
}
