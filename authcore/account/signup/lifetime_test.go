package signup_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Code and link live for ten minutes, to the microsecond.
func TestO15_VerifyLifetime(t *testing.T) {
	t.Parallel()
	for _, link := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			e := testflow.New(t, testflow.Options{})
			done := e.Register(t, signup.RegisterInput{Email: bob})
			mail := e.Mail(t, bob, authcore.MailVerify)
			e.Clock.Advance(10*time.Minute - time.Microsecond)
			if late {
				e.Clock.Advance(time.Microsecond)
			}
			in := signup.VerifyInput{Email: bob, OTP: mail.Code, Proof: done.Proof, Request: testflow.Request()}
			if link {
				in = signup.VerifyInput{Token: testflow.Token(t, mail), Proof: done.Proof, Request: testflow.Request()}
			}
			if _, err := e.SignUp.Verify(t.Context(), in); late {
				testflow.WantCode(t, err, authcore.InvalidCode)
			} else if err != nil {
				t.Errorf("link %t: a microsecond before its end: %v", link, err)
			}
		}
	}
}
