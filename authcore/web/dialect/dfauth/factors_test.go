package dfauth_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const number = "+436601234567"

// openSMS is open where codes also go to numbers, and numbers are second factors.
func openSMS(t *testing.T) *testdialect.Env {
	t.Helper()
	many := ratelimit.Rate{Count: 100, Window: time.Hour}
	return open(t, defaults, testflow.Options{Numbers: identifier.Numbers{Texts: true}, Rates: map[string]ratelimit.Rate{authcore.LimitSMS: many, authcore.LimitSMSClient: many},
		Factors: []authcore.FactorType{authcore.FactorTOTP, authcore.FactorEmail, authcore.FactorSMS, authcore.FactorRecovery}})
}

// add adds a device, and confirms it by the code that secret or a message has.
func add(t *testing.T, e *testdialect.Env, kind, name, authorization string) (path string, code func() string) {
	t.Helper()
	made := e.Want(t, 201, "POST", base+"/otp-devices/", "type="+kind+"&name="+url.QueryEscape(name), authorization)
	to, mail := name, authcore.MailFactorCode
	switch kind {
	case "totp":
		u, err := url.Parse(made["extra_data"].(map[string]any)["url"].(string))
		if err != nil {
			t.Fatal(err)
		}
		code = func() string {
			e.Clock.Advance(30 * time.Second)
			return testotp.Code(t, u.Query().Get("secret"), e.Clock.Now())
		}
	default:
		code = func() string { return e.Mail(t, to, mail).Code }
	}
	path = pathOf(made)
	if made["confirmed"] != true {
		e.Want(t, 200, "POST", path+"/confirm/?type="+kind, "otp="+code(), authorization)
	}
	return path + "/?type=" + kind, code
}

// byCode signs in by a code to an address or number.
func byCode(t *testing.T, e *testdialect.Env, field, to string) string {
	t.Helper()
	return token(t, e, field+"="+url.QueryEscape(to)+"&otp="+codeTo(t, e, field, to))
}

// codeTo asks for a code without a token.
func codeTo(t *testing.T, e *testdialect.Env, field, to string) string {
	t.Helper()
	e.Clock.Advance(2 * time.Minute)
	e.Want(t, 200, "POST", base+"/otp/", field+"="+url.QueryEscape(to), "")
	return e.Mail(t, to, authcore.MailSignInCode).Code
}

// confirmAll confirms the address and number of who has signed up.
func confirmAll(t *testing.T, e *testdialect.Env, authorization string) {
	t.Helper()
	for _, d := range devices(t, e, authorization) {
		kind, to := d.(map[string]any)["type"].(string), d.(map[string]any)["name"].(string)
		field := map[string]string{"email": "email", "sms": "phone_number"}[kind]
		e.Want(t, 200, "POST", base+"/otp/", field+"="+url.QueryEscape(to), authorization)
		e.Want(t, 200, "POST", pathOf(d)+"/confirm/?type="+kind, "otp="+e.Mail(t, to, authcore.MailConfirmEmail).Code, authorization)
	}
}

// TestDevices_SMS: a number is claimed and confirmed, becomes the account's own, signs in, and is a second factor of its own accord.
func TestDevices_SMS(t *testing.T) {
	t.Parallel()
	e := openSMS(t)
	password := "email=" + email + "&password=" + url.QueryEscape(testflow.Password)
	confirmAll(t, e, person(t, e, "email="+email))
	grace := byCode(t, e, "email", email)
	if got := refused(t, e, 400, "POST", base+"/otp-devices/", "type=sms&name=x", grace); got["field"] != "name" {
		t.Errorf("no number answered %v", got)
	}
	made := e.Want(t, 201, "POST", base+"/otp-devices/", "type=sms&name=%2B43+660+1234567", grace)
	if made["name"] != number || made["type"] != "sms" || made["confirmed"] != false {
		t.Errorf("the device is %v", made)
	}
	at, query := pathOf(made), "?type=sms"
	if got := refused(t, e, 400, "POST", at+"/confirm/"+query, "otp=000000", grace); got["field"] != "otp" || got["code"] != "invalid" {
		t.Errorf("a wrong code answered %v", got)
	}
	code := "otp=" + e.Mail(t, number, authcore.MailConfirmEmail).Code
	wantCode(t, e, 404, "not_found", "POST", at+"/confirm/"+query, code, person(t, e, "username=eve"))
	wantCode(t, e, 404, "not_found", "GET", at+query, "", token(t, e, "username=eve&password="+url.QueryEscape(testflow.Password)))
	e.Want(t, 200, "POST", at+"/confirm/"+query, code, grace)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", grace); me["phone_number"] != number || len(devices(t, e, grace)) != 0 {
		t.Errorf("the user is %v", me)
	}
	byCode(t, e, "phone_number", number)
	device, _ := add(t, e, "sms", number, grace)
	if got := e.Want(t, 200, "GET", device, "", grace); got["confirmed"] != true || got["name"] != number {
		t.Errorf("the device is %v", got)
	}
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, grace)
	owed := refused(t, e, 401, "POST", base+"/token/", password, "")
	list := owed["extra_data"].(map[string]any)["devices"].([]any)
	if len(list) != 1 || pathOf(list[0])+"/"+query != device || strings.Contains(list[0].(map[string]any)["name"].(string), "1234567") {
		t.Errorf("a second factor is owed: %v", owed)
	}
	wantCode(t, e, 403, "reauthentication_required", "DELETE", device, "", grace)
	grace = token(t, e, password+"&otp="+e.Mail(t, number, authcore.MailSecondFactorCode).Code)
	wantCode(t, e, 400, "invalid", "DELETE", device, "", grace) // the last one
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":false}`, grace)
	e.Want(t, 204, "DELETE", device, "", grace)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", grace); me["phone_number"] != number || len(devices(t, e, grace)) != 0 {
		t.Errorf("the user is %v", me)
	}
	token(t, e, password)
}

// TestTwoFactor_Several: of an account with an app, a mailbox and a number every one of them does beside the password. The code of a sign-in
// to one that is a factor does too; without the password it owes one of the others.
func TestTwoFactor_Several(t *testing.T) {
	t.Parallel()
	e := openSMS(t)
	confirmAll(t, e, person(t, e, "username=ada&email="+email+"&phone_number="+url.QueryEscape(number)))
	ada := byCode(t, e, "email", email)
	_, app := add(t, e, "totp", "", ada)
	password := "&password=" + url.QueryEscape(testflow.Password)
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada)
	wantCode(t, e, 401, "2fa_required", "POST", base+"/token/", "email="+email+password+"&otp="+codeTo(t, e, "email", email), "") // no factor yet
	ada = token(t, e, "email="+email+password+"&otp="+app())
	add(t, e, "email", email, ada)
	add(t, e, "sms", number, ada)
	owed := refused(t, e, 401, "POST", base+"/token/", "email="+email+password, "")
	if list := owed["extra_data"].(map[string]any)["devices"].([]any); len(list) != 3 || list[0].(map[string]any)["type"] != "totp" {
		t.Errorf("devices are %v", list)
	}
	token(t, e, "email="+email+password+"&otp="+app())
	for field, to := range map[string]string{"email": email, "phone_number": number} {
		e.Clock.Advance(2 * time.Minute)
		e.Want(t, 200, "POST", base+"/otp/", field+"="+url.QueryEscape(to), ada)
		beside := "email=" + email + password + "&otp=" + e.Mail(t, to, authcore.MailSecondFactorCode).Code
		token(t, e, beside)
		wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", beside, "")
		named := field + "=" + url.QueryEscape(to)
		wantCode(t, e, 401, "2fa_required", "POST", base+"/token/", named+"&otp="+codeTo(t, e, field, to), "")
		code := "&otp=" + codeTo(t, e, field, to)
		wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", named+"&password=wrong"+code, "")
		token(t, e, named+password+code)
		wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", named+password+code, "")
		for _, login := range []string{"email=" + email, "phone_number=" + url.QueryEscape(number), "username=ada"} {
			e.Clock.Advance(time.Hour) // what is no code of the first that is asked counts
			beside := login + password + "&otp=" + codeTo(t, e, field, to)
			token(t, e, beside)
			wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", beside, "")
		}
	}
}

// TestTwoFactor_AskedWithoutToken: a code of a sign-in beside the password is first looked at as one that was sent beside it, and counts as a wrong
// one of these: within an hour it does five times.
func TestTwoFactor_AskedWithoutToken(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{})
	confirmAll(t, e, person(t, e, "email="+email))
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, byCode(t, e, "email", email))
	password := "email=" + email + "&password=" + url.QueryEscape(testflow.Password) + "&otp="
	for range 5 {
		token(t, e, password+codeTo(t, e, "email", email))
	}
	wantCode(t, e, 429, "throttled", "POST", base+"/token/", password+codeTo(t, e, "email", email), "")
	e.Clock.Advance(time.Hour)
	token(t, e, password+codeTo(t, e, "email", email))
}

// TestTwoFactor_Static: recovery codes are one device, which no client makes; each is taken once.
func TestTwoFactor_Static(t *testing.T) {
	t.Parallel()
	e := openSMS(t)
	ada := person(t, e, "username=ada")
	add(t, e, "totp", "", ada)
	wantCode(t, e, 400, "invalid", "POST", base+"/otp-devices/", "type=static", ada)
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada)
	if got := devices(t, e, ada); len(got) != 1 {
		t.Errorf("devices are %v", got)
	}
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "ada"})
	if err != nil {
		t.Fatal(err)
	}
	made, err := e.Factors.Add(t.Context(), factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	codes := made.Codes
	all := devices(t, e, ada)
	if v := all[len(all)-1].(map[string]any); len(all) != 2 || v["type"] != "static" || v["confirmed"] != true {
		t.Fatalf("devices are %v", all)
	}
	password := "username=ada&password=" + url.QueryEscape(testflow.Password)
	owed := refused(t, e, 401, "POST", base+"/token/", password, "")
	if list := owed["extra_data"].(map[string]any)["devices"].([]any); len(list) != 2 || list[1].(map[string]any)["type"] != "static" {
		t.Errorf("devices are %v", list)
	}
	token(t, e, password+"&otp="+codes[0])
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", password+"&otp="+codes[0], "")
	ada = token(t, e, password+"&otp="+codes[1])
	at := pathOf(all[1]) + "/"
	e.Want(t, 200, "GET", at+"?type=static", "", ada)
	wantCode(t, e, 404, "not_found", "GET", at+"?type=totp", "", ada)
	e.Want(t, 204, "DELETE", at+"?type=static", "", ada)
	wantCode(t, e, 400, "wrong_otp", "POST", base+"/token/", password+"&otp="+codes[2], "")
}

// TestL14_ConfirmByPassword: a password beside a code counts against the limit of sign-ins, so that confirm/ is no second place to try them.
func TestL14_ConfirmByPassword(t *testing.T) {
	t.Parallel()
	e := open(t, defaults, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitLogin: {Count: 1, Window: time.Hour}}})
	body := "email=" + email + "&password=a+guess&otp=123456"
	wantCode(t, e, 401, "authentication_failed", "POST", base+"/otp-devices/4/confirm/?type=email", body, "")
	wantCode(t, e, 429, "throttled", "POST", base+"/otp-devices/4/confirm/?type=email", body, "")
	wantCode(t, e, 429, "throttled", "POST", base+"/token/", body, "")
	wantCode(t, e, 401, "not_authenticated", "POST", base+"/otp-devices/4/confirm/?type=email", "otp=123456", "")
}

// TestFresh_Off: an hour after a sign-in by the password an app is added, and two-factor authentication switched on by it, as in the package; nothing
// more.
func TestFresh_Off(t *testing.T) {
	t.Parallel()
	o := defaults
	o.Fresh = false
	e := open(t, o, testflow.Options{})
	ada := person(t, e, "email="+email)
	confirmAll(t, e, ada)
	e.Clock.Advance(time.Hour)
	add(t, e, "totp", "", ada)
	wantCode(t, e, 403, "reauthentication_required", "POST", base+"/otp-devices/", "type=totp", ada) // it has one now
	e.Want(t, 200, "PATCH", base+"/users/0/two-fa/", `{"is_required":true}`, ada)
	e.Mail(t, email, authcore.MailMFAEnabled)
	wantCode(t, e, 401, "2fa_required", "POST", base+"/token/", "email="+email+"&password="+url.QueryEscape(testflow.Password), "")
	wantCode(t, e, 403, "reauthentication_required", "PATCH", base+"/users/0/two-fa/", `{"is_required":false}`, ada)
	wantCode(t, e, 403, "reauthentication_required", "PATCH", base+"/users/0/two-fa/", `{"is_required":true,"password":"wrong"}`, ada)
}
