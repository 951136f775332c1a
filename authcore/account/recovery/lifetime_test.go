package recovery_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/recovery"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Code and link live for ten minutes, to the microsecond.
func TestO15_ResetLifetime(t *testing.T) {
	t.Parallel()
	for _, link := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			e, _ := person(t, testflow.Options{})
			e.Clock.Advance(2 * time.Minute)
			forgot(t, e, bob)
			mail := e.Mail(t, bob, authcore.MailReset)
			e.Clock.Advance(10*time.Minute - time.Microsecond)
			if late {
				e.Clock.Advance(time.Microsecond)
			}
			in := recovery.Resetting{Login: bob, OTP: mail.Code}
			if link {
				in = recovery.Resetting{Token: testflow.Token(t, mail)}
			}
			if err := reset(t, e, in); late {
				testflow.WantCode(t, err, authcore.InvalidCode)
			} else if err != nil {
				t.Errorf("link %t: a microsecond before its end: %v", link, err)
			}
		}
	}
}
