package notice_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	old   = "old@example.com"
	fresh = "new@example.com"
)

// changed is a notice of a changed password of a new account with a verified address, "" for none.
func changed(e *testflow.Env, address string) notice.Notice {
	a := authcore.Account{ID: uuid.New(), Email: address, FirstName: "Ada"}
	if address != "" {
		a.EmailVerifiedAt = e.Clock.Now()
	}
	return notice.Notice{Kind: authcore.MailPasswordReset, Event: audit.Event(authcore.EventPasswordChanged, a.ID, testflow.Client(), e.Clock.Now()),
		Account: a, Undo: notice.Undo{Password: true}, Client: testflow.Client()}
}

// told commits the notice and returns its link.
func told(t *testing.T, e *testflow.Env, n notice.Notice) authcore.SecurityLink {
	t.Helper()
	var fx authcore.Effects
	if err := e.Notices.Security(t.Context(), &fx, n); err != nil {
		t.Fatal(err)
	}
	if err := e.Store.Record(t.Context(), fx); err != nil {
		t.Fatal(err)
	}
	if len(fx.SecurityLinks) != 1 {
		t.Fatalf("%d links", len(fx.SecurityLinks))
	}
	return fx.SecurityLinks[0]
}

func TestSecurity_MailCarriesTheLink(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	n := changed(e, old)
	n.Account.Locale = "de"
	l := told(t, e, n)
	m := e.Mail(t, old, n.Kind)
	if !strings.HasPrefix(m.Link, "https://auth.example.com/auth/secure?token=") || m.LinkExpiry != 7*24*time.Hour || m.AccountID != n.Account.ID ||
		m.Lang != "de" || m.Name != "Ada" || m.Addr != "192.0.2.7" {
		t.Errorf("the mail is %+v", m)
	}
	undo, to, err := e.Notices.Open(l)
	if err != nil || to != old || undo != n.Undo || !l.At.Equal(n.Event.At) || !l.ExpiresAt.Equal(l.At.Add(7*24*time.Hour)) || l.Contact {
		t.Errorf("the link %+v takes back %+v, sent to %q (%v)", l, undo, to, err)
	}
	if strings.Contains(string(l.Undo), old) {
		t.Error("the former address lies in the clear")
	}
	// What one row says is worth nothing in another.
	l.AccountID = uuid.New()
	if _, _, err := e.Notices.Open(l); err == nil {
		t.Error("the content of another account's link is taken")
	}
}

// A thief with the session changes the address: the link of what happens next must not come to the new one.
func TestR12_LaterLinksGoToTheFormerAddress(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	n := changed(e, old)
	n.Undo = notice.Undo{Email: notice.FormerEmail(n.Account)}
	first := told(t, e, n)
	for _, next := range []string{fresh, "newer@example.com"} { // the second time it was changed again
		e.Clock.Advance(time.Hour)
		later := n
		later.Account.Email, later.Event.At = next, e.Clock.Now()
		later.Undo = notice.Undo{Email: notice.FormerEmail(later.Account)}
		told(t, e, later)
		if m := e.Mail(t, old, n.Kind); !m.At.Equal(later.Event.At) || m.Link == "" {
			t.Errorf("the former address got no link: %+v", m)
		}
		if m := e.Mail(t, next, n.Kind); m.Link != "" {
			t.Errorf("the new address got the link %s", m.Link)
		}
	}
	for _, step := range []struct {
		after time.Duration
		to    string
	}{{0, old}, {2 * time.Hour, "newer@example.com"}} {
		e.Clock.Advance(first.ExpiresAt.Add(step.after).Sub(e.Clock.Now()))
		n.Account.Email, n.Event.At, n.Undo = "newer@example.com", e.Clock.Now(), notice.Undo{Password: true}
		told(t, e, n)
		if m := e.Mail(t, step.to, n.Kind); m.Link == "" || !m.At.Equal(n.Event.At) {
			t.Errorf("%s after the end of the first link %s got no link: %+v", step.after, step.to, m)
		}
	}
}

func TestSecurity_WithoutAnAddressWhatChangedIsNoted(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	n := changed(e, "")
	if undo, to, err := e.Notices.Open(told(t, e, n)); err != nil || to != "" || undo != n.Undo {
		t.Errorf("noted is %+v, sent to %q (%v)", undo, to, err)
	}
	n.Undo = notice.Undo{}
	var fx authcore.Effects
	if err := e.Notices.Security(t.Context(), &fx, n); err != nil || len(fx.SecurityLinks)+len(fx.Mails) > 0 {
		t.Errorf("nothing to tell and nobody to be told: %+v (%v)", fx, err)
	}
}

func TestSecurity_Refusals(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	unknown, nowhere := changed(e, old), changed(e, old)
	unknown.Event.Kind = authcore.EventVerified
	nowhere.Client.Portal = ""
	for name, n := range map[string]notice.Notice{"an event that the mail does not tell of": unknown, "a portal that is not known": nowhere} {
		if err := e.Notices.Security(t.Context(), &authcore.Effects{}, n); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := notice.New(notice.Config{}); err == nil {
		t.Error("notices without anything are made")
	}
}

func TestTell_HasNoLink(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	var fx authcore.Effects
	if err := e.Notices.Tell(&fx, changed(e, old), challenge.Recipient{Address: fresh}); err != nil {
		t.Fatal(err)
	}
	if err := e.Store.Record(t.Context(), fx); err != nil {
		t.Fatal(err)
	}
	if m := e.Mail(t, fresh, authcore.MailPasswordReset); m.Link != "" || m.Name != "" || len(fx.SecurityLinks) > 0 {
		t.Errorf("the mail is %+v with %d links", m, len(fx.SecurityLinks))
	}
}

// Of what two events changed, the earlier one knows what was there first.
func TestUndo_TheEarliestKnowsBest(t *testing.T) {
	t.Parallel()
	ada, eve, none := &notice.Former{Value: "ada"}, &notice.Former{Value: "eve"}, []string{}
	first, second := notice.Undo{Username: ada}, notice.Undo{Username: eve, Email: eve, Phone: eve, Password: true, Muted: &none, Deletion: true}
	if got, want := first.Before(second), (notice.Undo{Username: ada, Email: eve, Phone: eve, Password: true, Muted: &none, Deletion: true}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := second.Before(first); got != second {
		t.Errorf("got %+v, want %+v", got, second)
	}
}

// Whatever a security mail tells of is an event that there is, and each kind is one that may or may not be switched off.
func TestKinds_AreDeclared(t *testing.T) {
	t.Parallel()
	declared := testdeclared.Constants(t, "../../event.go", "Mail", "MailKind")
	for _, kind := range append(notice.Always(), notice.Optional()...) {
		found := false
		for _, name := range declared {
			found = found || string(kind) == name
		}
		if !found {
			t.Errorf("%s is no kind of mail", kind)
		}
	}
}

const number = "+4915112345678"

// Without a verified address the owner is told by SMS, at the number that was verified before the event, and without a link.
func TestSecurity_BySMS(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}, Rates: map[string]ratelimit.Rate{
		authcore.LimitSMS: {Count: 1, Window: time.Hour}, authcore.LimitSMSTotal: {Count: 3, Window: time.Hour}}})
	n := changed(e, "")
	n.Account.Phone, n.Account.PhoneVerifiedAt = number, e.Clock.Now()
	told(t, e, n)
	if m := e.Mail(t, number, n.Kind); m.Channel != authcore.BySMS || m.Link != "" || m.AccountID != n.Account.ID {
		t.Errorf("the SMS is %+v", m)
	}
	// Whoever asks for codes to the number does not keep its owner from being told; what all SMS cost has an end.
	told(t, e, n)
	told(t, e, n)
	told(t, e, n)
	if got := e.Mails(t, number); len(got) != 3 {
		t.Errorf("%d SMS, want those that all may have together", len(got))
	}
	n.Account.PhoneVerifiedAt = time.Time{} // anybody's
	n.Account.ID = uuid.New()
	e.Clock.Advance(time.Hour)
	told(t, e, n)
	if got := e.Mails(t, number); len(got) != 3 {
		t.Error("a number that was not verified is told")
	}
}

// A link goes by mail alone, and where there is an address no SMS goes out.
func TestSecurity_AddressComesBeforeNumber(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}})
	n := changed(e, old)
	n.Account.Phone, n.Account.PhoneVerifiedAt = number, e.Clock.Now()
	told(t, e, n)
	if got := e.Mails(t, number); len(got) != 0 || e.Mail(t, old, n.Kind).Link == "" {
		t.Errorf("%d SMS, want a mail", len(got))
	}
}
