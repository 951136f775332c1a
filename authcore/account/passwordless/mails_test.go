package passwordless_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// TestR13_CodesThatAreUsed: whoever signs in with their codes gets one as often as they ask, and whoever fills somebody else's mailbox
// gets five mails into it within an hour.
func TestR13_CodesThatAreUsed(t *testing.T) {
	t.Parallel()
	e, _ := person(t, testflow.Options{})
	sent := func() (n int) {
		for _, m := range e.Mails(t, ada) {
			if m.Kind == authcore.MailSignInCode {
				n++
			}
		}
		return n
	}
	for i := range 12 {
		binding := ask(t, e, ada, "")
		if n := sent(); n != i+1 {
			t.Fatalf("sign-in %d: %d codes were sent", i+1, n)
		}
		if _, err := finish(t, e, byCode(ada, mail(t, e).Code, binding)); err != nil {
			t.Fatal(err)
		}
		e.Clock.Advance(time.Second)
	}
	for range 20 {
		ask(t, e, ada, "")
		e.Clock.Advance(61 * time.Second) // past the pause until the next one
	}
	// One more comes every twelve minutes.
	if n := sent() - 12; n < 5 || n > 5+1 {
		t.Errorf("%d mails that nobody used within 21 minutes", n)
	}
}
