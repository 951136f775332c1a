package caddymodule

import (
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	dfAuthBase  = "/api/v1/auth"
	dfAuthLogin = "username=ada&password=" + testflow.Password
)

// dfAuth serves the dialect with an option, to ada who has signed up.
func dfAuth(t *testing.T, option string) (e *testdialect.Env, ada string) {
	t.Helper()
	e = served(t, "gatehouse_dialect df_auth {\n "+option+"\n}", testdialect.Options{Options: testflow.Options{Ways: passwordless.Ways{Code: true}}})
	return e, "Bearer " + e.Want(t, 200, "POST", dfAuthBase+"/token/", dfAuthLogin, "")["token"].(string)
}

func TestOption_df_auth_auto_create(t *testing.T) {
	t.Parallel()
	for option, creates := range map[string]bool{"": true, "auto_create on": true, "auto_create off": false} {
		e, _ := dfAuth(t, option)
		e.Want(t, 200, "POST", dfAuthBase+"/otp/", "email=bob@example.com", "")
		if got := len(e.Mails(t, "bob@example.com")); got > 0 != creates {
			t.Errorf("%q has sent %d mails", option, got)
		}
	}
}

func TestOption_df_auth_anonymous_otp(t *testing.T) {
	t.Parallel()
	for option, status := range map[string]int{"": 200, "anonymous_otp off": 401} {
		e, ada := dfAuth(t, option)
		e.Want(t, status, "POST", dfAuthBase+"/otp/", "email=ada@example.com", "")
		e.Want(t, 200, "POST", dfAuthBase+"/otp/", "email=ada@example.com", ada)
	}
}

func TestOption_df_auth_invite(t *testing.T) {
	t.Parallel()
	for option, status := range map[string]int{"": 201, "invite off": 403} {
		e, ada := dfAuth(t, option)
		e.Want(t, status, "POST", dfAuthBase+"/users/", "email=bob@example.com", ada)
	}
}

// identity_update says what becomes of a confirmed address: the account's own, or a second factor.
func TestOption_df_auth_identity_update(t *testing.T) {
	t.Parallel()
	for option, factor := range map[string]bool{"": false, "identity_update off": true} {
		e, ada := dfAuth(t, option+"\nfresh off")
		made := e.Want(t, 201, "POST", dfAuthBase+"/otp-devices/", "type=email&name=new@example.com", ada)
		kind := authcore.MailConfirmEmail
		if factor {
			kind = authcore.MailFactorCode
		}
		e.Want(t, 200, "POST", dfAuthBase+"/otp-devices/"+number(made["id"])+"/confirm/?type=email", "otp="+e.Mail(t, "new@example.com", kind).Code, ada)
		me, list := e.Want(t, 200, "GET", dfAuthBase+"/users/0/", "", ada), e.Want(t, 200, "GET", dfAuthBase+"/otp-devices/", "", ada)
		confirmed := 0
		for _, d := range list["results"].([]any) {
			if d.(map[string]any)["confirmed"] == true {
				confirmed++
			}
		}
		if own := me["email"] == "new@example.com"; own == factor || (confirmed > 0) != factor {
			t.Errorf("%q: the user is %v, the devices %v", option, me, list)
		}
	}
}

func TestOption_df_auth_defer_identity(t *testing.T) {
	t.Parallel()
	for option, saved := range map[string]string{"": "bob@example.com", "defer_identity": ""} {
		e, _ := dfAuth(t, option)
		e.Want(t, 201, "POST", dfAuthBase+"/users/", "username=bob&email=bob@example.com&password="+testflow.Password, "")
		bob := "Bearer " + e.Want(t, 200, "POST", dfAuthBase+"/token/", "username=bob&password="+testflow.Password, "")["token"].(string)
		if me := e.Want(t, 200, "GET", dfAuthBase+"/users/0/", "", bob); me["email"] != saved {
			t.Errorf("%q: the user is %v", option, me)
		}
		list := e.Want(t, 200, "GET", dfAuthBase+"/otp-devices/", "", bob)["results"].([]any)
		if len(list) != 1 || list[0].(map[string]any)["name"] != "bob@example.com" {
			t.Errorf("%q: the devices are %v", option, list)
		}
	}
}

func TestOption_df_auth_auto_send(t *testing.T) {
	t.Parallel()
	for option, sent := range map[string]bool{"": false, "auto_send": true, "auto_send\ndefer_identity": true} {
		e, _ := dfAuth(t, option)
		e.Want(t, 201, "POST", dfAuthBase+"/users/", "username=bob&email=bob@example.com&password="+testflow.Password, "")
		if got := len(e.Mails(t, "bob@example.com")); got > 0 != sent {
			t.Errorf("%q has sent %d mails", option, got)
			continue
		}
		if !sent {
			continue
		}
		bob := "Bearer " + e.Want(t, 200, "POST", dfAuthBase+"/token/", "username=bob&password="+testflow.Password, "")["token"].(string)
		list := e.Want(t, 200, "GET", dfAuthBase+"/otp-devices/", "", bob)["results"].([]any)
		at := dfAuthBase + "/otp-devices/" + number(list[0].(map[string]any)["id"]) + "/confirm/?type=email"
		e.Want(t, 200, "POST", at, "otp="+e.Mail(t, "bob@example.com", authcore.MailConfirmEmail).Code, bob)
	}
}

// fresh off lets the first factor be added, and two-factor authentication be switched on, an hour after the sign-in; nothing else.
func TestOption_df_auth_fresh(t *testing.T) {
	t.Parallel()
	for option, status := range map[string]int{"": 403, "fresh off": 201} {
		e, ada := dfAuth(t, option)
		e.Clock.Advance(time.Hour)
		e.Want(t, status, "POST", dfAuthBase+"/otp-devices/", "type=totp", ada)
		if status == 403 {
			continue
		}
		e.Want(t, 200, "POST", dfAuthBase+"/otp/", "email=ada@example.com", ada)
		list := e.Want(t, 200, "GET", dfAuthBase+"/otp-devices/", "", ada)["results"].([]any)
		for _, d := range list {
			if v := d.(map[string]any); v["type"] == "email" {
				e.Want(t, 200, "POST", dfAuthBase+"/otp-devices/"+number(v["id"])+"/confirm/?type=email", "otp="+e.Mail(t, "ada@example.com", authcore.MailConfirmEmail).Code, ada)
			}
		}
		e.Want(t, 200, "PATCH", dfAuthBase+"/users/0/two-fa/", `{"is_required":true}`, ada)
		e.Want(t, 403, "PATCH", dfAuthBase+"/users/0/two-fa/", `{"is_required":false}`, ada)
		e.Want(t, 403, "POST", dfAuthBase+"/otp-devices/", "type=totp", ada) // it has one now
	}
}

// number is the id of a device in a path.
func number(id any) string { return strconv.FormatInt(int64(id.(float64)), 10) }
