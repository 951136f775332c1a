package factor_test

import (
	"encoding/base32"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const address = "ada@example.com"

// ada is an account with a verified address and a password.
func ada(t *testing.T, o testflow.Options) (*testflow.Env, authcore.Account) {
	t.Helper()
	t.Parallel()
	e := testflow.New(t, o)
	return e, person(t, e, address)
}

func person(t *testing.T, e *testflow.Env, email string) authcore.Account {
	t.Helper()
	return e.Person(t, signup.RegisterInput{Email: email}).Account
}

func add(t *testing.T, e *testflow.Env, in factor.AddInput) factor.Added {
	t.Helper()
	in.Client, in.SignIn = testflow.Client(), e.Mailed()
	added, err := e.Factors.Add(t.Context(), in)
	if err != nil {
		t.Fatalf("add: %v", err)
	}
	return added
}

// app generates the codes of an authenticator app.
func app(t *testing.T, seed string, at time.Time) string {
	t.Helper()
	return testotp.Code(t, seed, at)
}

func confirm(t *testing.T, e *testflow.Env, a authcore.Account, id uuid.UUID, code string, enable bool) factor.Confirmed {
	t.Helper()
	done, err := e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: id, Code: code, Enable: enable, Client: testflow.Client()})
	if err != nil {
		t.Fatalf("confirm: %v", err)
	}
	return done
}

// withApp adds an authenticator app, and returns its seed. Its confirming code is of the step that is now.
func withApp(t *testing.T, e *testflow.Env, a authcore.Account, enable bool) (factor.Added, factor.Confirmed) {
	t.Helper()
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Name: "Phone"})
	return added, confirm(t, e, a, added.Factor.ID, app(t, added.Seed, e.Clock.Now()), enable)
}

func verify(t *testing.T, e *testflow.Env, a authcore.Account, g factor.Given) (factor.Proved, error) {
	t.Helper()
	g.Client = testflow.Client()
	return e.Factors.Verify(t.Context(), a, g)
}

func refused(t *testing.T, err error, want authcore.Code) {
	t.Helper()
	testflow.WantCode(t, err, want)
}

func events(t *testing.T, e *testflow.Env, a authcore.Account) (kinds []string) {
	t.Helper()
	all, err := e.Store.ExportAccount(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range all["events"] {
		kinds = append(kinds, row["kind"].(string)+" "+row["result"].(string)+" "+row["method"].(string))
	}
	return kinds
}

func TestTOTP_AddConfirmVerify(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Name: "Phone"})
	if added.Factor.Confirmed() || len(added.Seed) != 32 || !strings.HasPrefix(added.URL, "otpauth://totp/auth.example.com:ada@example.com?") ||
		!strings.Contains(added.URL, "secret="+added.Seed) || !strings.Contains(added.URL, "issuer=auth.example.com") ||
		!strings.HasPrefix(added.QR, "<svg ") || strings.Contains(added.QR, "script") {
		t.Errorf("got %+v", added)
	}
	code := app(t, added.Seed, e.Clock.Now())
	if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: code}); err == nil {
		t.Error("a factor that is not confirmed counts")
	}
	if all, err := e.Factors.List(t.Context(), a.ID); err != nil || len(all) != 0 {
		t.Errorf("listed: %v (%v)", all, err)
	}
	confirm(t, e, a, added.Factor.ID, code, false)
	e.Clock.Advance(30 * time.Second)
	got, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())})
	if err != nil || got.FactorID != added.Factor.ID || !slices.Equal(got.AMR, []string{"otp"}) {
		t.Errorf("got %+v (%v)", got, err)
	}
	of, err := e.Factors.Of(t.Context(), a.ID)
	if err != nil || len(of) != 1 || !of[0].LastUsedAt.Equal(e.Clock.Now()) {
		t.Errorf("got %+v (%v)", of, err)
	}
	if mail := e.Mail(t, address, authcore.MailFactorAdded); mail.Link == "" {
		t.Error("the mail has no link")
	}
	for _, want := range []string{"factor.added success totp", "factor.used success totp", "factor.failed invalid_code totp"} {
		if !slices.Contains(events(t, e, a), want) {
			t.Errorf("no event %q in %q", want, events(t, e, a))
		}
	}
}

// TestO08_ConfirmingCodeIsNoLoginCode: the code that confirmed an app is not one more for a sign-in.
func TestO08_ConfirmingCodeIsNoLoginCode(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, _ := withApp(t, e, a, false)
	_, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())})
	refused(t, err, authcore.InvalidCode)

	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"})
	code := e.Mail(t, "box@example.com", authcore.MailFactorCode).Code
	confirm(t, e, a, box.Factor.ID, code, false)
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorEmail, FactorID: box.Factor.ID, Code: code, Subject: "pending"})
	refused(t, err, authcore.InvalidCode)
}

// TestO05_TOTPReplay: a code in its window is good once, whoever sends it again, and one of before is none any more.
func TestO05_TOTPReplay(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, _ := withApp(t, e, a, false)
	e.Clock.Advance(90 * time.Second)
	code := app(t, added.Seed, e.Clock.Now())
	before := app(t, added.Seed, e.Clock.Now().Add(-30*time.Second))
	if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: code[:3] + " " + code[3:]}); err != nil {
		t.Fatal(err)
	}
	for _, again := range []string{code, before} {
		_, err := verify(t, e, a, factor.Given{Type: authcore.FactorTOTP, Code: again})
		refused(t, err, authcore.InvalidCode)
	}
}

// TestO04_DoubleSpend: of 100 who send one code at once exactly one is let in, whatever the factor.
func TestO04_DoubleSpend(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, done := withApp(t, e, a, true)
	e.Clock.Advance(60 * time.Second)
	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail})
	confirm(t, e, a, box.Factor.ID, e.Mail(t, address, authcore.MailFactorCode).Code, false)
	e.Clock.Advance(2 * time.Minute)
	if _, err := e.Factors.Send(t.Context(), a, box.Factor, "pending", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	for _, g := range []factor.Given{
		{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())},
		{Type: authcore.FactorRecovery, Code: done.Codes[0]},
		{Type: authcore.FactorEmail, FactorID: box.Factor.ID, Subject: "pending", Code: e.Mail(t, address, authcore.MailSecondFactorCode).Code},
	} {
		var wins, other int
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				_, err := e.Factors.Verify(t.Context(), a, factor.Given{Type: g.Type, FactorID: g.FactorID, Code: g.Code, Subject: g.Subject, Client: testflow.Client()})
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					wins++
				case authcore.CodeOf(err) != authcore.InvalidCode && authcore.CodeOf(err) != authcore.TooManyAttempts:
					other++
				}
			})
		}
		all.Wait()
		if wins != 1 || other != 0 {
			t.Errorf("%s: %d were let in, %d failed otherwise", g.Type, wins, other)
		}
	}
}

// TestO12_CodeOfAnotherFlow: a code is good for what it was sent for alone.
func TestO12_CodeOfAnotherFlow(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"})
	first := e.Mail(t, "box@example.com", authcore.MailFactorCode).Code
	confirm(t, e, a, box.Factor.ID, first, false)
	send := func(subject string) string {
		if _, err := e.Factors.Send(t.Context(), a, box.Factor, subject, testflow.Client()); err != nil {
			t.Fatal(err)
		}
		return e.Mail(t, "box@example.com", authcore.MailSecondFactorCode).Code
	}
	one := send("sign-in 1")
	two := send("sign-in 2") // at once: a new sign-in gets a code of its own
	if one == two {
		t.Fatal("the second sign-in got no code of its own")
	}
	for _, wrong := range []factor.Given{
		{Type: authcore.FactorEmail, FactorID: box.Factor.ID, Subject: "sign-in 2", Code: one},
		{Type: authcore.FactorEmail, Subject: "sign-in 1", Code: one}, // as of the address of the account
		{Type: authcore.FactorSMS, FactorID: box.Factor.ID, Subject: "sign-in 1", Code: one},
	} {
		_, err := verify(t, e, a, wrong)
		refused(t, err, authcore.InvalidCode)
	}
	if _, err := e.Contact.ConfirmEmail(t.Context(), contactConfirm(a, one)); err == nil {
		t.Error("it confirmed an address")
	}
	for subject, code := range map[string]string{"sign-in 1": one, "sign-in 2": two} {
		got, err := verify(t, e, a, factor.Given{Type: authcore.FactorEmail, FactorID: box.Factor.ID, Subject: subject, Code: code})
		if err != nil || !slices.Equal(got.AMR, []string{"email"}) {
			t.Errorf("%s: %+v (%v)", subject, got, err)
		}
	}
}

// TestO13_CodeOfAnotherAccount: no code of one account is worth anything for another.
func TestO13_CodeOfAnotherAccount(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	b := person(t, e, "bob@example.com")
	added, done := withApp(t, e, a, true)
	withApp(t, e, b, true)
	e.Clock.Advance(60 * time.Second)
	for _, g := range []factor.Given{
		{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())},
		{Type: authcore.FactorTOTP, FactorID: added.Factor.ID, Code: app(t, added.Seed, e.Clock.Now())},
		{Type: authcore.FactorRecovery, Code: done.Codes[0]},
	} {
		_, err := verify(t, e, b, g)
		refused(t, err, authcore.InvalidCode)
		if _, err := verify(t, e, a, factor.Given{Type: g.Type, Code: g.Code}); err != nil && g.FactorID == uuid.Nil {
			t.Errorf("%s of the account itself: %v", g.Type, err)
		}
	}
	_, err := e.Factors.Get(t.Context(), b.ID, added.Factor.ID)
	refused(t, err, authcore.NotFound)
	refused(t, e.Factors.Remove(t.Context(), b.ID, added.Factor.ID, testflow.Client()), authcore.NotFound)

	// The subject names no account: the challenge does.
	own := authcore.Factor{Type: authcore.FactorEmail, Address: address}
	if _, err := e.Factors.Send(t.Context(), a, own, "pending", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	code := e.Mail(t, address, authcore.MailSecondFactorCode).Code
	_, err = verify(t, e, b, factor.Given{Type: authcore.FactorEmail, Subject: "pending", Code: code})
	refused(t, err, authcore.InvalidCode)
	if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorEmail, Subject: "pending", Code: code}); err != nil {
		t.Error(err)
	}
}

// TestO03_Resend: neither asking for codes nor adding the factor again buys guesses, and one code is live.
func TestO03_Resend(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"})
	first := e.Mail(t, "box@example.com", authcore.MailFactorCode).Code
	again := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"})
	if again.Factor.ID != box.Factor.ID || again.ExpiresIn != 10*time.Minute || len(e.Mails(t, "box@example.com")) != 1 {
		t.Errorf("asked again too soon: %+v, %d mails", again, len(e.Mails(t, "box@example.com")))
	}
	try := func(code string) error {
		_, err := e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: box.Factor.ID, Code: code, Client: testflow.Client()})
		return err
	}
	for range 3 {
		refused(t, try("000000x"), authcore.InvalidCode)
	}
	e.Clock.Advance(time.Minute)
	if add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "box@example.com"}); len(e.Mails(t, "box@example.com")) != 2 {
		t.Fatal("no new code")
	}
	refused(t, try(first), authcore.InvalidCode)
	refused(t, try("000000x"), authcore.InvalidCode)
	refused(t, try(e.Mail(t, "box@example.com", authcore.MailFactorCode).Code), authcore.TooManyAttempts)
	other := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail, Email: "other@example.com"})
	box = other
	refused(t, try(e.Mail(t, "other@example.com", authcore.MailFactorCode).Code), authcore.TooManyAttempts)
}

// TestSend_SaysThatNothingWasSent: an address that has had its share is refused each time. Asked again at once, nobody is told that a code
// is on its way, and waits for it.
func TestSend_SaysThatNothingWasSent(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	own := authcore.Factor{Type: authcore.FactorEmail, Address: address}
	for i := range 5 { // a thief's
		if _, err := e.Factors.Send(t.Context(), a, own, fmt.Sprint("stolen ", i), testflow.Client()); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		_, err := e.Factors.Send(t.Context(), a, own, "owner", testflow.Client())
		refused(t, err, authcore.RateLimited)
	}
}

// TestO15_SentCodeExpires: ten minutes and a second, and the factor that waits has lapsed as well.
func TestO15_SentCodeExpires(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	own := authcore.Factor{Type: authcore.FactorEmail, Address: address}
	box := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorEmail})
	if _, err := e.Factors.Send(t.Context(), a, own, "pending", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(10*time.Minute + time.Second)
	_, err := verify(t, e, a, factor.Given{Type: authcore.FactorEmail, Subject: "pending", Code: e.Mail(t, address, authcore.MailSecondFactorCode).Code})
	refused(t, err, authcore.InvalidCode)
	_, err = e.Factors.Confirm(t.Context(), factor.ConfirmInput{AccountID: a.ID, FactorID: box.Factor.ID, Code: e.Mail(t, address, authcore.MailFactorCode).Code})
	refused(t, err, authcore.NotFound)
}

// TestO16_RecoveryCodes: each once, a new set kills the former, the owner is told, and no device is trusted after one.
func TestO16_RecoveryCodes(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	_, done := withApp(t, e, a, true)
	if len(done.Codes) != 10 {
		t.Fatalf("codes: %q", done.Codes)
	}
	loose := " " + strings.ToUpper(strings.ReplaceAll(done.Codes[0], "-", "")) + " "
	got, err := verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, Code: loose})
	if err != nil || !slices.Equal(got.AMR, []string{"recovery"}) {
		t.Fatalf("got %+v (%v)", got, err)
	}
	if e.Mail(t, address, authcore.MailRecoveryCodeUsed).Link == "" {
		t.Error("the mail has no link")
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, Code: done.Codes[0]})
	refused(t, err, authcore.InvalidCode)
	if now, err := e.Factors.Status(t.Context(), a.ID); err != nil || now.CodesLeft != 9 {
		t.Errorf("got %+v (%v)", now, err)
	}
	made := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery})
	if len(made.Codes) != 10 || e.Mail(t, address, authcore.MailRecoveryCodesMade).Link == "" {
		t.Errorf("got %+v", made)
	}
	_, err = verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, Code: done.Codes[1]})
	refused(t, err, authcore.InvalidCode)
	if _, err := verify(t, e, a, factor.Given{Type: authcore.FactorRecovery, Code: made.Codes[9]}); err != nil {
		t.Error(err)
	}
	if all, err := e.Factors.List(t.Context(), a.ID); err != nil || len(all) != 2 {
		t.Errorf("got %+v (%v)", all, err)
	}
}

// TestO14_NoSecretAtRest: neither codes nor seeds stand in the database as they are.
func TestO14_NoSecretAtRest(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	added, done := withApp(t, e, a, true)
	raw, _ := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(added.Seed)
	sealed, err := e.Store.SealedFactors(t.Context(), uuid.Nil, 10)
	if err != nil || len(sealed) != 1 || strings.Contains(string(sealed[0].Secret), string(raw)) || strings.Contains(string(sealed[0].Secret), added.Seed) {
		t.Errorf("got %v (%v)", sealed, err)
	}
	s, err := e.Store.FactorState(t.Context(), a.ID, e.Clock.Now())
	if err != nil || len(s.Codes) != 10 {
		t.Fatalf("got %v (%v)", s, err)
	}
	for _, code := range done.Codes {
		for _, text := range []string{code, strings.ReplaceAll(code, "-", "")} {
			if slices.ContainsFunc(s.Codes, plainDigest(text).Equal) {
				t.Errorf("the digest of %s is not keyed", code)
			}
		}
	}
	// A seed is worth nothing in another row.
	b := person(t, e, "bob@example.com")
	moved := sealed[0]
	moved.ID, moved.AccountID = uuid.Must(uuid.NewV7()), b.ID
	bob, err := e.Store.FactorState(t.Context(), b.ID, e.Clock.Now())
	if err == nil {
		err = e.Store.ChangeFactors(t.Context(), factor.Change{Was: bob, Add: []authcore.Factor{moved}, Now: e.Clock.Now()})
	}
	if err != nil {
		t.Fatal(err)
	}
	e.Clock.Advance(60 * time.Second)
	if _, err := verify(t, e, b, factor.Given{Type: authcore.FactorTOTP, Code: app(t, added.Seed, e.Clock.Now())}); err == nil {
		t.Error("a seed that was moved to another account counts there")
	}
}

func TestFactors_Limits(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	for i := range 20 {
		added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorTOTP, Name: fmt.Sprint(i)})
		confirm(t, e, a, added.Factor.ID, app(t, added.Seed, e.Clock.Now()), i == 0)
	}
	_, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorTOTP})
	refused(t, err, authcore.LimitReached)
	add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorRecovery})
	for field, in := range map[string]factor.AddInput{
		"type":  {Type: "telepathy"},
		"name":  {Type: authcore.FactorTOTP, Name: strings.Repeat("x", 101)},
		"email": {Type: authcore.FactorEmail, Email: "nowhere"},
	} {
		in.AccountID = a.ID
		_, err := e.Factors.Add(t.Context(), in)
		if got := testflow.WantCode(t, err, authcore.InvalidFields); len(got.Fields) != 1 || got.Fields[0].Field != field {
			t.Errorf("%s: %+v", field, got.Fields)
		}
	}
	_, err = e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorSMS, Phone: "+436641234567"})
	refused(t, err, authcore.InvalidFields)
}

func TestSMSFactor(t *testing.T) {
	e, a := ada(t, testflow.Options{Numbers: identifier.Numbers{Texts: true}, Factors: []authcore.FactorType{authcore.FactorSMS}})
	const number = "+436641234567"
	added := add(t, e, factor.AddInput{AccountID: a.ID, Type: authcore.FactorSMS, Phone: "+43 664 1234567"})
	text := e.Mail(t, number, authcore.MailFactorCode)
	if text.Channel != authcore.BySMS || text.Link != "" || factor.Masked(added.Factor) != "+43***67" {
		t.Errorf("got %+v", text)
	}
	confirm(t, e, a, added.Factor.ID, text.Code, true)
	if _, err := e.Factors.Send(t.Context(), a, added.Factor, "pending", testflow.Client()); err != nil {
		t.Fatal(err)
	}
	got, err := verify(t, e, a, factor.Given{Type: authcore.FactorSMS, FactorID: added.Factor.ID, Subject: "pending",
		Code: e.Mail(t, number, authcore.MailSecondFactorCode).Code})
	if err != nil || !slices.Equal(got.AMR, []string{"sms"}) {
		t.Errorf("got %+v (%v)", got, err)
	}
	_, err = e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorSMS, Phone: number})
	refused(t, err, authcore.InvalidFields)
}

// TestFactors_RacesAreNoFault: a hundred changes at once are each made or put off, none is a fault of ours. One set of recovery codes is good.
func TestFactors_RacesAreNoFault(t *testing.T) {
	e, a := ada(t, testflow.Options{})
	refusals := make(chan error, 100)
	var wg sync.WaitGroup
	for range cap(refusals) {
		wg.Go(func() {
			_, err := e.Factors.Add(t.Context(), factor.AddInput{SignIn: e.Mailed(), AccountID: a.ID, Type: authcore.FactorRecovery, Client: testflow.Client()})
			refusals <- err
		})
	}
	wg.Wait()
	for range cap(refusals) {
		if err := <-refusals; err != nil && authcore.CodeOf(err) != authcore.Unavailable {
			t.Fatal(err)
		}
	}
	if now, err := e.Factors.Status(t.Context(), a.ID); err != nil || now.CodesLeft != 10 {
		t.Errorf("got %+v (%v)", now, err)
	}
}
