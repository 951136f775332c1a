package password_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// The code lives for ten minutes and the link for an hour, to the microsecond.
func TestO15_ResetLifetime(t *testing.T) {
	t.Parallel()
	for _, link := range []bool{false, true} {
		for _, late := range []bool{false, true} {
			e, _ := person(t, testflow.Options{})
			e.Clock.Advance(2 * time.Minute)
			forgot(t, e, bob)
			mail := e.Mail(t, bob, authcore.MailReset)
			life := 10 * time.Minute
			if link {
				life = time.Hour
			}
			if mail.Expiry != 10*time.Minute || mail.LinkExpiry != time.Hour {
				t.Errorf("the mail says %s and %s", mail.Expiry, mail.LinkExpiry)
			}
			e.Clock.Advance(life - time.Microsecond)
			if late {
				e.Clock.Advance(time.Microsecond)
			}
			in := password.ResetInput{Login: bob, OTP: mail.Code}
			if link {
				in = password.ResetInput{Token: testflow.Token(t, mail)}
			}
			if err := reset(t, e, in); late {
				testflow.WantCode(t, err, authcore.InvalidCode)
			} else if err != nil {
				t.Errorf("link %t: a microsecond before its end: %v", link, err)
			}
		}
	}
}

// Somebody else asks for the owner's mails until none is sent any more. The owner's own call then sends none either, but leaves
// the newest link alone, which lives until the limit allows another mail.
func TestR13_ForeignCallsDoNotSilenceTheOwners(t *testing.T) {
	t.Parallel()
	for _, login := range []string{bob, "bobby"} {
		e, _ := person(t, testflow.Options{})
		e.Clock.Advance(2 * time.Hour)
		before := len(e.Mails(t, bob))
		for range 5 {
			forgot(t, e, bob)
			e.Clock.Advance(61 * time.Second)
		}
		for range 6 { // until the next mail is due
			forgot(t, e, login)
			e.Clock.Advance(61 * time.Second)
		}
		if n := len(e.Mails(t, bob)) - before; n != 5 {
			t.Fatalf("%d mails, want 5", n)
		}
		newest := e.Mail(t, bob, authcore.MailReset)
		e.Clock.Advance(52*time.Minute - 6*61*time.Second)
		testflow.WantCode(t, reset(t, e, password.ResetInput{Login: login, OTP: newest.Code}), authcore.InvalidCode)
		if err := reset(t, e, password.ResetInput{Token: testflow.Token(t, newest)}); err != nil {
			t.Errorf("the newest link: %v", err)
		}
	}
}
