package devjournal_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/lockout"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// TestSecondFactor: the password alone opens nothing where a second factor is owed.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	added, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: account(t, e).ID, Type: authcore.FactorTOTP, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	code := func() string {
		e.Clock.Advance(time.Minute) // one is good once
		return testotp.Code(t, added.Seed, e.Clock.Now())
	}
	_, err = e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: account(t, e).ID, FactorID: added.Factor.ID, Code: code(), Enable: true, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if said := e.Want(t, 401, "POST", base+"/login/", right, ""); said["code"] != "2fa_required" || len(said) != 2 {
		t.Errorf("login said %v", said)
	}
	says(t, e, 400, `{"otp":["The code is wrong or has expired."]}`, "POST", "/login/", right+"&otp=000000", "")
	e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+signIn(t, e, right+"&otp="+code()))
}

// TestLockout: wrong passwords lock, at login as at password/change.
func TestLockout(t *testing.T) {
	t.Parallel()
	const wrong = "old_password=wrong&new_password=" + testflow.OtherPassword
	for path, body := range map[string]string{"/login/": "username=ada&password=wrong", "/password/change/": wrong} {
		e := served(t, testflow.Options{Lockout: lockout.Policy{Failures: 3}})
		token := "Bearer " + signIn(t, e, right)
		for range 3 {
			e.Want(t, 400, "POST", base+path, body, token)
		}
		for path, body := range map[string]string{"/login/": right, "/password/change/": wrong} {
			says(t, e, 429, `{"detail":"Request was throttled. Expected available in 60 seconds."}`, "POST", path, body, token)
		}
	}
}

// TestLimits: every call that guesses, sends or makes something has the limit that its like has in the API.
func TestLimits(t *testing.T) {
	t.Parallel()
	for path, limit := range map[string]string{"/register": authcore.LimitRegister, "/login": authcore.LimitLogin, "/verify": authcore.LimitVerify,
		"/password/change": authcore.LimitLogin, "/password/reset": authcore.LimitForgot, "/password/reset/confirm": authcore.LimitForgot} {
		e := serve(t, testflow.Options{Rates: map[string]ratelimit.Rate{limit: {Count: 1, Window: time.Minute}}})
		e.Call("POST", base+path, "{}", "")
		w := e.Call("POST", base+path, "{}", "")
		if w.Code != 429 || !strings.HasPrefix(w.Body.String(), `{"detail":"Request was throttled. Expected available in `) || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s is not under %s: %d %s", path, limit, w.Code, w.Body)
		}
	}
}

// TestBlocked: rules keep out here as elsewhere. Who is kept out from a name is answered as for a wrong password.
func TestBlocked(t *testing.T) {
	t.Parallel()
	rule := func(kind block.Kind, pattern string, acts ...block.Act) block.Config {
		compiled, err := block.ParsePattern(kind, pattern)
		if err != nil {
			t.Fatal(err)
		}
		return block.Config{Rules: []block.Compiled{block.Configured(kind, pattern, acts, compiled)}}
	}
	e := serve(t, testflow.Options{Blocks: rule(block.Username, "ad*", block.SignUp)})
	e.Want(t, 403, "POST", base+"/register/", ada, "")
	e = serve(t, testflow.Options{Mode: signup.Open, Blocks: rule(block.Username, "ada", block.Login)})
	e.Want(t, 201, "POST", base+"/register/", ada, "")
	says(t, e, 400, `{"non_field_errors":["Unable to log in with provided credentials."]}`, "POST", "/login/", right, "")
	e = serve(t, testflow.Options{Blocks: rule(block.IP, testflow.Client().Addr.String(), block.Login)})
	e.Want(t, 403, "POST", base+"/login/", right, "")
	e.Want(t, 403, "POST", base+"/verify/", "token=x&password=y", "")
}

// TestStoreAway: what cannot be answered now is 503 in the envelope.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	token := "Bearer " + signIn(t, e, right)
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{"/login/": right, "/password/reset/": "email=" + email, "/password/change/": "old_password=a&new_password=" + other} {
		if said := e.Want(t, 503, "POST", base+path, body, token); said["detail"] == nil {
			t.Errorf("%s said %v", path, said)
		}
	}
}
