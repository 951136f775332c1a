package dfauth_test

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/dfauth"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

var withPassword = "&password=" + url.QueryEscape(testflow.Password)

// TestSignUp_Modes: who gets an account by signing up, by a code, and by somebody who is signed in, in every mode of sign-up.
func TestSignUp_Modes(t *testing.T) {
	t.Parallel()
	for mode, want := range map[signup.Mode]struct{ signsUp, atOnce, byCode, invites bool }{
		signup.Open: {true, true, true, true}, signup.Verified: {true, false, true, true}, signup.Invite: {invites: true}, signup.Closed: {},
	} {
		for _, on := range []bool{true, false} {
			t.Run(fmt.Sprint(mode, on), func(t *testing.T) {
				t.Parallel()
				now, o := signup.Open, defaults
				o.AutoCreate, o.Invite = on, on
				e := open(t, o, testflow.Options{ModeNow: func() signup.Mode { return now }})
				ada := person(t, e, "email="+email)
				now = mode
				up := "email=bob@example.com" + withPassword
				switch {
				case !want.signsUp:
					wantCode(t, e, 401, "not_authenticated", "POST", base+"/users/", up, "")
				case want.atOnce:
					e.Want(t, 201, "POST", base+"/users/", up, "")
					token(t, e, up)
				default:
					e.Want(t, 201, "POST", base+"/users/", up, "")
					wantCode(t, e, 401, "authentication_failed", "POST", base+"/token/", up, "")
				}
				if says := e.Want(t, 200, "POST", base+"/otp/", "email=carl@example.com", ""); len(says) != 1 || says["email"] != "carl@example.com" {
					t.Errorf("otp answered %v", says)
				}
				if sent := len(e.Mails(t, "carl@example.com")) > 0; sent != (on && want.byCode) {
					t.Errorf("a code was sent: %t", sent)
				} else if sent {
					token(t, e, "email=carl@example.com&otp="+e.Mail(t, "carl@example.com", authcore.MailSignInCode).Code)
				}
				if on && want.invites {
					e.Want(t, 201, "POST", base+"/users/", "email=dora@example.com", ada)
				} else {
					wantCode(t, e, 403, "permission_denied", "POST", base+"/users/", "email=dora@example.com", ada)
				}
			})
		}
	}
}

// TestInvite_ByNumber: an invitation is for a number where there is no address, and is known by who made it.
func TestInvite_ByNumber(t *testing.T) {
	t.Parallel()
	e := openSMS(t)
	ada := person(t, e, "email="+email)
	says := e.Want(t, 201, "POST", base+"/users/", "first_name=Bob&phone_number="+url.QueryEscape(number), ada)
	e.Want(t, 200, "POST", base+"/otp/", "phone_number="+url.QueryEscape(number), "")
	bob := token(t, e, "phone_number="+url.QueryEscape(number)+"&otp="+e.Mail(t, number, authcore.MailSignInCode).Code)
	if me := e.Want(t, 200, "GET", base+"/users/0/", "", bob); me["id"] != says["id"] || me["phone_number"] != number {
		t.Errorf("the user is %v, was told %v", me, says)
	}
	by, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		t.Fatal(err)
	}
	invited, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindPhone, Value: number})
	if err != nil || invited.InvitedBy != by.ID {
		t.Errorf("it was invited by %v, %v", invited.InvitedBy, err)
	}
}

// waiting signs up as somebody with a username and an address that waits, and returns the header of a token and the device.
func waiting(t *testing.T, e *testdialect.Env, username, address string) (authorization string, device map[string]any) {
	t.Helper()
	says := e.Want(t, 201, "POST", base+"/users/", "username="+username+"&email="+address+withPassword, "")
	if says["email"] != "" || says["username"] != username {
		t.Errorf("the new user is %v", says)
	}
	authorization = token(t, e, "username="+username+withPassword)
	all := devices(t, e, authorization)
	if len(all) != 1 {
		t.Fatalf("devices are %v", all)
	}
	if device = all[0].(map[string]any); device["name"] != address || device["confirmed"] != false {
		t.Errorf("the device is %v", device)
	}
	return authorization, device
}

// TestDeferIdentity: an address belongs to nobody before it is confirmed. Then it is the account's own or, with identity_update off, a second
// factor of an account that has none.
func TestDeferIdentity(t *testing.T) {
	t.Parallel()
	for _, o := range []dfauth.Options{
		{DeferIdentity: true, IdentityUpdate: true}, {DeferIdentity: true, IdentityUpdate: true, AutoSend: true}, {DeferIdentity: true}, {DeferIdentity: true, AutoSend: true},
	} {
		t.Run(fmt.Sprint(o.IdentityUpdate, o.AutoSend), func(t *testing.T) {
			t.Parallel()
			o.AnonymousOTP = true
			e := open(t, o, testflow.Options{})
			eve, _ := waiting(t, e, "eve", email)
			e.Want(t, 204, "DELETE", pathOf(devices(t, e, eve)[0])+"/?type=email", "", eve)
			if all := devices(t, e, eve); len(all) != 0 {
				t.Errorf("devices are %v", all)
			}
			e.Clock.Advance(2 * time.Minute)
			sent := len(e.Mails(t, email))
			ada, device := waiting(t, e, "ada", email)
			if got := len(e.Mails(t, email)) > sent; got != o.AutoSend {
				t.Errorf("a code was sent: %t", got)
			}
			kind := authcore.MailConfirmEmail
			if !o.IdentityUpdate {
				kind = authcore.MailFactorCode
			}
			at := pathOf(device) + "/confirm/?type=email"
			if !o.AutoSend {
				wantCode(t, e, 400, "invalid", "POST", at, "otp=000000", ada)
				e.Want(t, 200, "POST", base+"/otp/", "email="+email, ada)
			}
			if all := devices(t, e, ada); len(all) != 1 || pathOf(all[0]) != pathOf(device) {
				t.Errorf("devices are %v", all)
			}
			wantCode(t, e, 400, "invalid", "POST", at, "otp=000000", ada)
			e.Want(t, 200, "POST", at, "otp="+e.Mail(t, email, kind).Code, ada)
			me, all := e.Want(t, 200, "GET", base+"/users/0/", "", ada), devices(t, e, ada)
			if o.IdentityUpdate && (me["email"] != email || len(all) != 0) {
				t.Errorf("the user is %v, devices are %v", me, all)
			}
			if !o.IdentityUpdate && (me["email"] != "" || len(all) != 1 || all[0].(map[string]any)["confirmed"] != true) {
				t.Errorf("the user is %v, devices are %v", me, all)
			}
		})
	}
}

// TestIdentityUpdate_Off: what an account has of its own stays so once it is confirmed; a registration's address is the account's.
func TestIdentityUpdate_Off(t *testing.T) {
	t.Parallel()
	for _, mode := range []signup.Mode{signup.Open, signup.Verified} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			e := open(t, dfauth.Options{AnonymousOTP: true}, testflow.Options{Mode: mode})
			e.Want(t, 201, "POST", base+"/users/", "email="+email+withPassword, "")
			var ada string
			if mode == signup.Open {
				ada = token(t, e, "email="+email+withPassword)
				confirmAll(t, e, ada)
			} else {
				e.Want(t, 200, "POST", base+"/otp/", "email="+email, "")
				ada = token(t, e, "email="+email+withPassword+"&otp="+e.Mail(t, email, authcore.MailVerify).Code)
			}
			if me := e.Want(t, 200, "GET", base+"/users/0/", "", ada); me["email"] != email || len(devices(t, e, ada)) != 0 {
				t.Errorf("the user is %v", me)
			}
			byCode(t, e, "email", email)
		})
	}
}
