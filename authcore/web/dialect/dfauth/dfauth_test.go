package dfauth_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/dfauth"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const (
	base  = "/api/v1/auth"
	email = "ada@example.com"
)

var defaults = dfauth.Options{AutoCreate: true, IdentityUpdate: true, AnonymousOTP: true, Invite: true, Fresh: true}

func open(t *testing.T, o dfauth.Options, f testflow.Options) *testdialect.Env {
	t.Helper()
	f.Ways = passwordless.Ways{Code: true}
	if f.Identities == nil {
		f.Identities = []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone}
	}
	return testdialect.New(t, dfauth.New(o), testdialect.Options{Options: f})
}

// person signs up, and returns the header of a token.
func person(t *testing.T, e *testdialect.Env, fields string) string {
	t.Helper()
	e.Want(t, 201, "POST", base+"/users/", fields+"&password="+url.QueryEscape(testflow.Password), "")
	return token(t, e, fields+"&password="+url.QueryEscape(testflow.Password))
}

func token(t *testing.T, e *testdialect.Env, fields string) string {
	t.Helper()
	return "Bearer " + e.Want(t, 200, "POST", base+"/token/", fields, "")["token"].(string)
}

// refused makes a call that fails, and returns its one error.
func refused(t *testing.T, e *testdialect.Env, status int, method, path, body, authorization string) map[string]any {
	t.Helper()
	all := e.Want(t, status, method, path, body, authorization)["errors"].([]any)
	if len(all) != 1 {
		t.Fatalf("%s %s answered %v", method, path, all)
	}
	return all[0].(map[string]any)
}

func wantCode(t *testing.T, e *testdialect.Env, status int, code, method, path, body, authorization string) {
	t.Helper()
	if got := refused(t, e, status, method, path, body, authorization); got["code"] != code {
		t.Errorf("%s %s %s answered %v, want %s", method, path, body, got, code)
	}
}

// TestSignedIn is the life of a session: a sliding token that is verified, replaced and ended.
func TestSignedIn(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	says := e.Want(t, 201, "POST", base+"/users/", `{"email":"ada@example.com","username":"ada","first_name":"Ada","password":"`+testflow.Password+`"}`, "")
	if says["id"] != "1" || says["email"] != email || says["username"] != "ada" || says["first_name"] != "Ada" || says["phone_number"] != "" {
		t.Errorf("the new user is %v", says)
	}
	wantCode(t, e, 400, "invalid", "POST", base+"/users/", `{"email":"ada@example.com","password":"`+testflow.Password+`"}`, "")
	for _, login := range []string{"email=" + email, "username=ada"} {
		token(t, e, login+"&password="+url.QueryEscape(testflow.Password))
	}
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", "email="+email+"&password=wrong", "")
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", "email="+email, "")
	for _, nobody := range []string{"email=x", "phone_number=x"} {
		wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", nobody+"&password=wrong", "")
		wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", nobody+"&otp=123456", "")
	}
	raw := strings.TrimPrefix(token(t, e, "email="+email+"&password="+url.QueryEscape(testflow.Password)), "Bearer ")
	c := testdialect.Claims(t, raw)
	if c["sliding"] != "sliding" || c["token_type"] != nil || c["user_id"] != "1" || c["exp"].(float64)-c["iat"].(float64) != 14*86400 || c["refresh_exp"] != c["exp"] {
		t.Errorf("the claims are %v", c)
	}
	e.Want(t, 200, "POST", base+"/token/verify/", "token="+raw, "")
	e.Clock.Advance(13 * 24 * time.Hour)
	next := e.Want(t, 200, "POST", base+"/token/refresh/", "token="+raw, "")["token"].(string)
	if n := testdialect.Claims(t, next); n["sid"] != c["sid"] || n["refresh_exp"] != c["refresh_exp"] || n["exp"].(float64) <= c["exp"].(float64) {
		t.Errorf("the next claims are %v after %v", n, c)
	}
	e.Clock.Advance(24 * time.Hour)
	wantCode(t, e, 401, "token_not_valid", "POST", base+"/token/verify/", "token="+raw, "")
	wantCode(t, e, 401, "token_not_valid", "POST", base+"/token/refresh/", "token="+next, "")
	e.Want(t, 200, "GET", base+"/users/0/", "", "Bearer "+next)
	e.Want(t, 200, "POST", base+"/token/blacklist/", "refresh="+next, "")
	wantCode(t, e, 401, "token_not_valid", "POST", base+"/token/verify/", "token="+next, "")
	wantCode(t, e, 401, "token_not_valid", "GET", base+"/users/0/", "", "Bearer "+next)
	wantCode(t, e, 401, "token_not_valid", "POST", base+"/token/blacklist/", "refresh="+next, "")
}

// TestEnvelope: every failure is in the dialect's envelope.
func TestEnvelope(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	wantCode(t, e, 401, "not_authenticated", "GET", base+"/users/0/", "", "")
	wantCode(t, e, 405, "method_not_allowed", "PUT", base+"/token/", "", "")
	wantCode(t, e, 400, "parse_error", "POST", base+"/token/", `{"email"`, "")
	if got := refused(t, e, 400, "POST", base+"/token/verify/", "", ""); got["code"] != "required" || got["field"] != "token" || got["message"] != "This field is required." {
		t.Errorf("a missing field is %v", got)
	}
	w := e.Call("POST", base+"/token/", "", "", "Content-Type", "text/plain")
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="api"` {
		t.Errorf("answered %d %v", w.Code, w.Header())
	}
	ada := person(t, e, "email="+email)
	wantCode(t, e, 404, "not_found", "GET", base+"/otp-devices/99/?type=totp", "", ada)
	wantCode(t, e, 400, "invalid", "GET", base+"/otp-devices/99/?type=x", "", ada)
}

// TestUser shows and changes who is signed in, whatever the id in the path.
func TestUser(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	ada := person(t, e, "email="+email)
	says := e.Want(t, 200, "PATCH", base+"/users/7/", `{"first_name":"Ada","username":"ada","email":"ADA@example.com"}`, ada)
	if says["first_name"] != "Ada" || says["username"] != "ada" || says["id"] != "1" || says["email"] != email {
		t.Errorf("the user is %v", says)
	}
	if got := refused(t, e, 400, "PATCH", base+"/users/0/", `{"email":"eve@example.com"}`, ada); got["field"] != "email" || got["code"] != "invalid" {
		t.Errorf("another address answered %v", got)
	}
	if got := refused(t, e, 400, "POST", base+"/users/0/set-password/", "old_password=x&new_password=a+long+way+to+somewhere", ada); got["field"] != "old_password" {
		t.Errorf("a wrong password answered %v", got)
	}
	e.Want(t, 200, "POST", base+"/users/0/set-password/", "old_password="+url.QueryEscape(testflow.Password)+"&new_password=a+long+way+to+somewhere", ada)
	wantCode(t, e, 401, "token_not_valid", "GET", base+"/users/0/", "", ada)
	token(t, e, "username=ada&password=a+long+way+to+somewhere")
}

// TestOTP: a code signs in, and makes the account of who is new.
func TestOTP(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	if says := e.Want(t, 200, "POST", base+"/otp/", "email="+email, ""); says["email"] != email {
		t.Errorf("otp answered %v", says)
	}
	m := e.Mail(t, email, authcore.MailSignInCode)
	if m.Link != "" {
		t.Errorf("the mail has the link %s", m.Link)
	}
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", "email="+email+"&otp=000000", "")
	ada := token(t, e, "email="+email+"&otp="+m.Code)
	if says := e.Want(t, 200, "GET", base+"/users/0/", "", ada); says["email"] != email {
		t.Errorf("the user is %v", says)
	}
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", "email="+email+"&otp="+m.Code, "") // once
	wantCode(t, e, 401, "not_found", "POST", base+"/otp/", "username=ada", "")
	e.Clock.Advance(2 * time.Minute)
	wantCode(t, e, 400, "invalid", "POST", base+"/otp/", "email="+email+"&redirect_path=https://evil.example/", "")
	e.Want(t, 200, "POST", base+"/otp/", "email="+email+"&redirect_path=/shop?x=1", "")
	if link := e.Mail(t, email, authcore.MailSignInCode).Link; !strings.HasSuffix(link, "&rd="+url.QueryEscape("/shop?x=1")) {
		t.Errorf("the link is %s", link)
	}
}

func devices(t *testing.T, e *testdialect.Env, authorization string) []any {
	t.Helper()
	says := e.Want(t, 200, "GET", base+"/otp-devices/", "", authorization)
	results := says["results"].([]any)
	if says["count"] != float64(len(results)) || says["next"] != nil || says["previous"] != nil {
		t.Errorf("the list is %v", says)
	}
	return results
}

func pathOf(d any) string {
	v := d.(map[string]any)
	return base + "/otp-devices/" + strconv.FormatInt(int64(v["id"].(float64)), 10)
}

// TestDevices_App: an app is added, confirmed, asked for, and removed. The password alone is not enough then, and devices are listed.
func TestDevices_App(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	ada := person(t, e, "username=ada")
	if all := devices(t, e, ada); len(all) != 0 {
		t.Errorf("devices are %v", all)
	}
	made := e.Want(t, 201, "POST", base+"/otp-devices/", "type=totp&name=phone", ada)
	seed := made["extra_data"].(map[string]any)["url"].(string)
	if made["type"] != "totp" || made["name"] != "phone" || made["confirmed"] != false || !strings.HasPrefix(seed, "otpauth://totp/") {
		t.Errorf("the device is %v", made)
	}
	at, query := pathOf(made), "?type=totp"
	if got := refused(t, e, 400, "POST", at+"/confirm/"+query, "otp=000000", ada); got["field"] != "otp" || got["code"] != "invalid" {
		t.Errorf("a wrong code answered %v", got)
	}
	wantCode(t, e, 404, "not_found", "POST", at+"/confirm/?type=email", "otp=000000", ada)
	u, _ := url.Parse(seed)
	code := func() string {
		e.Clock.Advance(30 * time.Second)
		return testotp.Code(t, u.Query().Get("secret"), e.Clock.Now())
	}
	if says := e.Want(t, 200, "POST", at+"/confirm/"+query, "otp="+code(), ada); len(says) != 0 {
		t.Errorf("confirm answered %v", says)
	}
	if got := e.Want(t, 200, "GET", at+query, "", ada); got["confirmed"] != true || len(got["extra_data"].(map[string]any)) != 0 {
		t.Errorf("the device is %v", got)
	}
	if says := e.Want(t, 200, "GET", base+"/users/0/two-fa/", "", ada); says["is_required"] != false {
		t.Errorf("two-fa is %v", says)
	}
	if says := e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada); says["is_required"] != true {
		t.Errorf("two-fa is %v", says)
	}
	password := "username=ada&password=" + url.QueryEscape(testflow.Password)
	owed := refused(t, e, 401, "POST", base+"/token/", password, "")
	list := owed["extra_data"].(map[string]any)["devices"].([]any)
	if owed["code"] != "2fa_required" || len(list) != 1 || pathOf(list[0]) != at || list[0].(map[string]any)["type"] != "totp" {
		t.Errorf("a second factor is owed: %v", owed)
	}
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", password+"&otp=000000", "")
	ada = token(t, e, password+"&otp="+code())
	e.Clock.Advance(time.Hour)
	proof := `"password":"` + testflow.Password + `","otp":"`
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":false,`+proof+code()+`"}`, ada)
	e.Want(t, 204, "DELETE", at+query, `{`+proof+code()+`"}`, ada)
	if all := devices(t, e, ada); len(all) != 0 {
		t.Errorf("devices are %v", all)
	}
	token(t, e, password)
}

// TestDevices_Address: the account's own address waits to be confirmed, and another takes its place.
func TestDevices_Address(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	ada := person(t, e, "email="+email)
	all := devices(t, e, ada)
	if v := all[0].(map[string]any); len(all) != 1 || v["name"] != email || v["type"] != "email" || v["confirmed"] != false {
		t.Fatalf("devices are %v", all)
	}
	own := pathOf(all[0]) + "/confirm/?type=email"
	wantCode(t, e, 400, "invalid", "POST", own, "otp=000000", ada)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, ada)
	code := e.Mail(t, email, authcore.MailConfirmEmail).Code
	wantCode(t, e, 401, "not_authenticated", "POST", own, "otp="+code, "")
	wantCode(t, e, 401, "authentication_failed", "POST", own, "otp="+code+"&password=wrong&email="+email, "")
	e.Want(t, 200, "POST", own, "otp="+code+"&email="+email+"&password="+url.QueryEscape(testflow.Password), "")
	e.Want(t, 200, "POST", own, "otp="+code, ada) // once more
	if all := devices(t, e, ada); len(all) != 0 {
		t.Errorf("devices are %v", all)
	}
	made := e.Want(t, 201, "POST", base+"/otp-devices/", `{"type":"email","name":"new@example.com"}`, ada)
	if made["name"] != "new@example.com" || made["confirmed"] != false {
		t.Errorf("the device is %v", made)
	}
	e.Want(t, 200, "POST", pathOf(made)+"/confirm/?type=email", "otp="+e.Mail(t, "new@example.com", authcore.MailConfirmEmail).Code, ada)
	if says := e.Want(t, 200, "GET", base+"/users/0/", "", ada); says["email"] != "new@example.com" {
		t.Errorf("the user is %v", says)
	}
	made = e.Want(t, 201, "POST", base+"/otp-devices/", `{"type":"email","name":"third@example.com"}`, ada)
	e.Want(t, 204, "DELETE", pathOf(made)+"?type=email", "", ada)
	if all := devices(t, e, ada); len(all) != 0 {
		t.Errorf("devices are %v", all)
	}
}

// TestDevices_NotHere: a type that the gateway does not have is no choice, and what is missing is told as DRF does.
func TestDevices_NotHere(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}})
	ada := person(t, e, "username=ada")
	if got := refused(t, e, 400, "POST", base+"/otp-devices/", "type=sms&name=%2B436601234567", ada); got["field"] != "type" || got["code"] != "invalid" {
		t.Errorf("a number where no SMS are sent answered %v", got)
	}
	if got := refused(t, e, 400, "POST", base+"/otp-devices/", "type=email", ada); got["field"] != "name" || got["code"] != "required" {
		t.Errorf("no address answered %v", got)
	}
}

// TestTwoFactor_ByMail: a code that was sent beside the password is the second factor, once; so is that of a sign-in, of the same mailbox.
func TestTwoFactor_ByMail(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	person(t, e, "email="+email)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, token(t, e, "email="+email+"&password="+url.QueryEscape(testflow.Password)))
	password := "email=" + email + "&password=" + url.QueryEscape(testflow.Password)
	ada := token(t, e, password)
	own := pathOf(devices(t, e, ada)[0]) + "/confirm/?type=email"
	e.Want(t, 200, "POST", own, "otp="+e.Mail(t, email, authcore.MailConfirmEmail).Code, ada)
	wantCode(t, e, 403, "reauthentication_required", "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada)
	e.Clock.Advance(2 * time.Minute)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, "")
	ada = token(t, e, "email="+email+"&otp="+e.Mail(t, email, authcore.MailSignInCode).Code)
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada)
	if got := devices(t, e, ada); len(got) != 1 || got[0].(map[string]any)["confirmed"] != true {
		t.Errorf("devices are %v", got)
	}
	owed := refused(t, e, 401, "POST", base+"/token/", password, "")
	if list := owed["extra_data"].(map[string]any)["devices"].([]any); owed["code"] != "2fa_required" || len(list) != 1 || list[0].(map[string]any)["name"] == email {
		t.Errorf("a second factor is owed: %v", owed)
	}
	code := e.Mail(t, email, authcore.MailSecondFactorCode).Code
	ada = token(t, e, password+"&otp="+code)
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", password+"&otp="+code, "")
	e.Clock.Advance(2 * time.Minute)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, ada)
	e.Mail(t, email, authcore.MailSecondFactorCode)
	e.Clock.Advance(20 * time.Minute)
	wantCode(t, e, 403, "reauthentication_required", "PATCH", base+"/users/0/two-fa/", `{"is_required":false}`, ada)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, ada)
	code = e.Mail(t, email, authcore.MailSecondFactorCode).Code
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":false,"password":"`+testflow.Password+`","otp":"`+code+`"}`, ada)
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, token(t, e, password[:0]+"email="+email+"&otp="+askCode(t, e)))
	token(t, e, password+"&otp="+askCode(t, e))
}

func askCode(t *testing.T, e *testdialect.Env) string {
	t.Helper()
	e.Clock.Advance(2 * time.Minute)
	e.Want(t, 200, "POST", base+"/otp/", "email="+email, "")
	return e.Mail(t, email, authcore.MailSignInCode).Code
}

// TestSignUp_Verified: a registration waits for its proof; the code and the password make the account, whose number was told.
func TestSignUp_Verified(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]dfauth.Options{"sent": {AutoSend: true, AnonymousOTP: true}, "asked for": {AnonymousOTP: true}, "by a sign-in": defaults} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := open(t, o, testflow.Options{Mode: signup.Verified})
			says := e.Want(t, 201, "POST", base+"/users/", `{"email":"ada@example.com","first_name":"Ada","password":"`+testflow.Password+`"}`, "")
			password := "email=" + email + "&password=" + url.QueryEscape(testflow.Password)
			wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", password, "")
			kind := authcore.MailVerify
			if !o.AutoSend {
				e.Want(t, 200, "POST", base+"/otp/", "email="+email, "")
			}
			if o.AutoCreate {
				kind = authcore.MailSignInCode
			}
			code := e.Mail(t, email, kind).Code
			wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", password+"&otp=000000", "")
			ada := token(t, e, password+"&otp="+code)
			if me := e.Want(t, 200, "GET", base+"/users/0/", "", ada); me["id"] != says["id"] || me["first_name"] != "Ada" {
				t.Errorf("the user is %v, was told %v", me, says)
			}
			token(t, e, password)
		})
	}
}

// TestInvite: everybody who is signed in invites, whatever the option invitations says; a code is enough to come.
func TestInvite(t *testing.T) {
	t.Parallel()
	for mode, closed := range map[signup.Mode]bool{signup.Open: false, signup.Invite: false, signup.Closed: true} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			now := signup.Open
			o := defaults
			o.AutoCreate = false
			e := open(t, o, testflow.Options{ModeNow: func() signup.Mode { return now }})
			ada := person(t, e, "email="+email)
			now = mode
			if closed {
				wantCode(t, e, 403, "permission_denied", "POST", base+"/users/", "email=bob@example.com", ada)
				wantCode(t, e, 401, "not_authenticated", "POST", base+"/users/", "email=bob@example.com&password="+url.QueryEscape(testflow.Password), "")
				return
			}
			if mode == signup.Invite {
				wantCode(t, e, 401, "not_authenticated", "POST", base+"/users/", "email=bob@example.com&password="+url.QueryEscape(testflow.Password), "")
			}
			wantCode(t, e, 400, "invalid", "POST", base+"/users/", "username=bob", ada)
			says := e.Want(t, 201, "POST", base+"/users/", "email=bob@example.com", ada)
			e.Want(t, 200, "POST", base+"/otp/", "email=bob@example.com", "")
			bob := token(t, e, "email=bob@example.com&otp="+e.Mail(t, "bob@example.com", authcore.MailSignInCode).Code)
			if me := e.Want(t, 200, "GET", base+"/users/0/", "", bob); me["id"] != says["id"] || says["email"] != "bob@example.com" {
				t.Errorf("the user is %v, was told %v", me, says)
			}
		})
	}
}
