package secure_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	ada   = "ada@example.com"
	thief = "thief@example.com"
)

// house is an account of Ada's and whoever else is in it.
type house struct {
	*testing.T
	*testflow.Env
	id uuid.UUID
}

func open(t *testing.T, options testflow.Options) *house {
	t.Helper()
	t.Parallel()
	e := testflow.New(t, options)
	tokens := e.Person(t, signup.RegisterInput{Email: ada, Username: "ada"})
	e.Clock.Advance(time.Hour)
	return &house{T: t, Env: e, id: tokens.Account.ID}
}

func (h *house) account() authcore.Account {
	h.Helper()
	a, err := h.Store.AccountByID(h.Context(), h.id)
	if err != nil {
		h.Fatal(err)
	}
	return a
}

// happens writes what an event changes, with its notice, and returns the token of its link, "" where none came to Ada.
func (h *house) happens(undo notice.Undo, statements ...string) string {
	h.Helper()
	h.Clock.Advance(time.Minute)
	n := notice.Notice{Kind: authcore.MailPasswordReset, Event: audit.Event(authcore.EventPasswordChanged, h.id, testflow.Client(), h.Clock.Now()),
		Account: h.account(), Undo: undo, Client: testflow.Client()}
	var fx authcore.Effects
	if err := h.Notices.Security(h.Context(), &fx, n); err != nil {
		h.Fatal(err)
	}
	err := h.Store.Write(h.Context(), "change", func(ctx context.Context, q sqldb.Querier) error {
		for _, text := range statements {
			if _, err := sqldb.Exec(ctx, q, text, h.id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		h.Fatal(err)
	}
	if err := h.Store.Record(h.Context(), fx); err != nil {
		h.Fatal(err)
	}
	m := h.Mail(h.T, ada, n.Kind)
	if !m.At.Equal(n.Event.At) || m.Link == "" {
		return ""
	}
	return testflow.Token(h.T, m)
}

// moves changes the address, as its owner does by a code that came to the new one.
func (h *house) moves(to string) string {
	h.Helper()
	return h.happens(notice.Undo{Email: notice.FormerEmail(h.account())},
		"update identifiers set is_current = false where user_id = $1 and kind = 'email'",
		"insert into identifiers (kind, value, user_id, is_current, claimed_at) values ('email', '"+to+"', $1, 1, 1) on conflict (kind, value) do update set is_current = 1",
		"update users set email = '"+to+"', email_verified_at = 1 where id = $1")
}

func (h *house) renames(to string) string {
	h.Helper()
	return h.happens(notice.Undo{Username: notice.FormerUsername(h.account())},
		"update identifiers set is_current = false where user_id = $1 and kind = 'username'",
		"insert into identifiers (kind, value, user_id, is_current, claimed_at) values ('username', '"+to+"', $1, 1, 1)",
		"update users set username = '"+to+"' where id = $1")
}

func (h *house) secure(token string) (secure.Secured, error) {
	h.Helper()
	return h.Secure.Secure(h.Context(), token, testflow.Client())
}

// secured uses a link that must work.
func (h *house) secured(token string) secure.Secured {
	h.Helper()
	done, err := h.secure(token)
	if err != nil {
		h.Fatal(err)
	}
	return done
}

func (h *house) undone(done secure.Secured, want ...secure.Kind) {
	h.Helper()
	if !slices.Equal(done.Undone, want) {
		h.Errorf("undone is %q, want %q", done.Undone, want)
	}
}

func (h *house) signsIn(login, pw string, want authcore.Code) {
	h.Helper()
	_, err := h.TrySignIn(h.T, login, pw)
	if want == "" {
		if err != nil {
			h.Errorf("%s does not sign in: %v", login, err)
		}
		return
	}
	testflow.WantCode(h.T, err, want)
}

// Changed address: the link in the mail to the old one takes everything back, and the owner is in again by a new password.
func TestR12_ContactChangeIsUndoneByTheFormerAddress(t *testing.T) {
	h := open(t, testflow.Options{})
	stolen, err := h.TrySignIn(t, ada, testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	token := h.moves(thief)
	h.renames("thief")
	done := h.secured(token)
	h.undone(done, "email", "username")
	if a := h.account(); a.Email != ada || !a.EmailVerified() || a.Username != "ada" || a.PasswordHash != "" {
		t.Errorf("the account is %+v", a)
	}
	if v := h.Revoked.Check(stolen.Session.ID, h.id, stolen.Account.Epoch, 0); v != authcore.Revoked {
		t.Errorf("an access token is still good: %v", v)
	}
	_, err = h.Sessions.Refresh(t.Context(), stolen.Refresh, authcore.ModeBearer, testflow.Client())
	testflow.WantCode(t, err, authcore.InvalidRefreshToken)
	h.signsIn(ada, testflow.Password, authcore.InvalidCredentials) // closed until a reset
	if done.ResetToken == "" || done.ExpiresIn != time.Hour {
		t.Fatalf("no reset: %+v", done)
	}
	err = h.Env.Password.Reset(t.Context(), password.ResetInput{Token: done.ResetToken, NewPassword: testflow.OtherPassword, Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for login, want := range map[string]authcore.Code{ada: "", "ada": "", thief: authcore.InvalidCredentials, "thief": authcore.InvalidCredentials} {
		h.signsIn(login, testflow.OtherPassword, want)
	}
	if m := h.Mail(t, ada, authcore.MailAccountSecured); m.Link != "" || m.AccountID != h.id {
		t.Errorf("the mail is %+v", m)
	}
	for _, m := range h.Mails(t, thief) {
		if m.Link != "" || m.Kind == authcore.MailAccountSecured {
			t.Errorf("the thief got %+v", m)
		}
	}
}

// A thief with the session changes the address and waits for a link to come to the new one: none does while the owner's is open, and
// so the owner's takes the account back whatever the thief does first.
func TestR12_ThiefGetsNoLinkAtTheNewAddress(t *testing.T) {
	h := open(t, testflow.Options{})
	owners := h.moves(thief)
	later := h.happens(notice.Undo{Password: true})
	if later == "" {
		t.Error("the former address got no link of the later event")
	}
	for _, m := range h.Mails(t, thief) {
		if m.Link != "" {
			t.Errorf("the thief got the link %s", m.Link)
		}
	}
	h.moves("third@example.com") // nor at one more address
	for _, m := range h.Mails(t, "third@example.com") {
		if m.Link != "" {
			t.Errorf("the thief got the link %s", m.Link)
		}
	}
	h.undone(h.secured(owners), "email", "password")
	if a := h.account(); a.Email != ada {
		t.Errorf("the address is %s", a.Email)
	}
}

// Links rank by the time of their event: using one kills all later ones, and never an earlier one.
func TestR12_ALaterLinkNeverKillsAnEarlierOne(t *testing.T) {
	h := open(t, testflow.Options{})
	first, second, third := h.renames("one"), h.renames("two"), h.renames("three")
	h.secured(second)
	if a := h.account(); a.Username != "one" {
		t.Errorf("after the second link the name is %s", a.Username)
	}
	for _, dead := range []string{second, third} {
		_, err := h.secure(dead)
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	h.undone(h.secured(first), "username")
	if a := h.account(); a.Username != "ada" {
		t.Errorf("after the first link the name is %s", a.Username)
	}
}

// A later link does not take back what an earlier event changed, and hands the former address nothing that leads in: forgot would
// not send a link there.
func TestR12_ALinkHandsOutAResetOnlyWhereForgotWouldSendIt(t *testing.T) {
	h := open(t, testflow.Options{})
	h.moves("adas-new@example.com")
	later := h.happens(notice.Undo{Password: true})
	done := h.secured(later)
	h.undone(done, "password")
	if a := h.account(); done.ResetToken != "" || done.ExpiresIn != 0 || a.Email != "adas-new@example.com" || a.PasswordHash != "" {
		t.Errorf("%+v for the former address, the account is %+v", done, a)
	}
}

// Every code and link that is out is dead, and what was pending with it (R05).
func TestR05_SecuringKillsCodesAndPendingClaims(t *testing.T) {
	h := open(t, testflow.Options{})
	if err := h.Env.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	reset := testflow.Token(t, h.Mail(t, ada, authcore.MailReset))
	token := h.happens(notice.Undo{}, "update users set pending_email = 'thief@example.com', pending_email_until = 9e17, pending_phone = '+49301', pending_phone_until = 9e17 where id = $1")
	h.undone(h.secured(token))
	err := h.Env.Password.Reset(t.Context(), password.ResetInput{Token: reset, NewPassword: testflow.OtherPassword, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.InvalidCode)
	if a := h.account(); a.PendingEmail != "" || a.PendingPhone != "" || !a.PendingEmailUntil.IsZero() || !a.PendingPhoneUntil.IsZero() {
		t.Errorf("the account is %+v", a)
	}
}

// Whoever had a session of an administrator's has no way back by what they invited, to their own mailbox or to nobody's (R05).
func TestR05_InvitationsOfAStolenSessionAreDead(t *testing.T) {
	h := open(t, testflow.Options{Inviters: authcore.Inviters{Everybody: true}})
	unbound, err := h.Invite.Create(t.Context(), h.id, invite.Input{Client: testflow.Client()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Invite.Create(t.Context(), h.id, invite.Input{Email: thief, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	bound := testflow.Token(t, h.Mail(t, thief, authcore.MailInvitation))
	h.secured(h.happens(notice.Undo{}))
	for _, token := range []string{unbound.Token, bound} {
		_, err := h.SignUp.Register(t.Context(), signup.RegisterInput{Email: thief, Password: testflow.Password, Invitation: token, Client: testflow.Client()})
		testflow.WantCode(t, err, authcore.InvalidInvitation)
	}
}

// The token that is handed out is not killed by whoever asks for a reset of the account meanwhile, and is dead with the reset.
func TestR05_ResetTokenOutlivesOthersRequests(t *testing.T) {
	h := open(t, testflow.Options{})
	done := h.secured(h.happens(notice.Undo{}))
	if err := h.Env.Password.Forgot(t.Context(), ada, testflow.Client()); err != nil {
		t.Fatal(err)
	}
	in := password.ResetInput{Token: done.ResetToken, NewPassword: testflow.OtherPassword, Client: testflow.Client()}
	if err := h.Env.Password.Reset(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, h.Env.Password.Reset(t.Context(), in), authcore.InvalidCode)
}

func TestSecure_DeletionIsCancelled(t *testing.T) {
	h := open(t, testflow.Options{})
	token := h.happens(notice.Undo{Deletion: true}, "update users set deletes_at = 9e17, disabled_at = 1 where id = $1")
	done := h.secured(token)
	h.undone(done, "deletion")
	if a := h.account(); a.Disabled() || !a.DeletesAt.IsZero() || done.ResetToken == "" {
		t.Errorf("%+v, the account is %+v", done, a)
	}
}

// Who was disabled by an administrator stays so, and gets no way in.
func TestSecure_DisabledStaysDisabled(t *testing.T) {
	h := open(t, testflow.Options{})
	done := h.secured(h.happens(notice.Undo{}, "update users set disabled_at = 1 where id = $1"))
	if a := h.account(); !a.Disabled() || done.ResetToken != "" {
		t.Errorf("%+v, the account is %+v", done, a)
	}
}

func TestSecure_NotificationsAndNumber(t *testing.T) {
	h := open(t, testflow.Options{})
	before := h.account()
	token := h.happens(notice.Undo{Muted: notice.FormerMuted(before), Phone: notice.FormerPhone(before)},
		`update users set muted = '["new_device"]', phone = '+4915112345678', phone_verified_at = 1 where id = $1`)
	h.undone(h.secured(token), "phone", "notifications")
	if a := h.account(); len(a.Muted) != 0 || a.Phone != "" || !a.PhoneVerifiedAt.IsZero() {
		t.Errorf("the account is %+v", a)
	}
}

// What was taken by another account meanwhile stays theirs, and the thief's goes all the same.
func TestSecure_TakenMeanwhile(t *testing.T) {
	h := open(t, testflow.Options{})
	token := h.moves(thief)
	other := authcore.Account{ID: uuid.New(), Email: ada, EmailVerifiedAt: h.Clock.Now(), CreatedAt: h.Clock.Now(), UpdatedAt: h.Clock.Now()}
	h.happens(notice.Undo{}, "delete from identifiers where value = '"+ada+"' and user_id = $1")
	if err := h.Store.CreateAccount(t.Context(), other, []authcore.Identifier{{Kind: authcore.KindEmail, Value: ada}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	done := h.secured(token)
	h.undone(done, "email")
	if a := h.account(); a.Email != "" || a.EmailVerified() || done.ResetToken != "" {
		t.Errorf("%+v, the account is %+v", done, a)
	}
	if a, err := h.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: ada}); err != nil || a.ID != other.ID {
		t.Errorf("the address is found at %+v (%v)", a, err)
	}
	if _, err := h.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: thief}); err == nil {
		t.Error("the account is still found by the thief's address")
	}
}

func TestSecure_Refusals(t *testing.T) {
	h := open(t, testflow.Options{})
	token := h.happens(notice.Undo{})
	for _, junk := range []string{"", "x", token + "x", token[:len(token)-1], string(make([]byte, 4096))} {
		_, err := h.secure(junk)
		testflow.WantCode(t, err, authcore.InvalidCode)
	}
	h.Clock.Advance(7*24*time.Hour - time.Microsecond)
	h.secured(token)
	_, err := h.secure(token)
	testflow.WantCode(t, err, authcore.InvalidCode)
	late := h.happens(notice.Undo{})
	h.Clock.Advance(7 * 24 * time.Hour)
	_, err = h.secure(late)
	testflow.WantCode(t, err, authcore.InvalidCode)
	if _, err := secure.New(secure.Config{}); err == nil {
		t.Error("a flow without anything is made")
	}
}

func TestSecure_OneOfManyWins(t *testing.T) {
	h := open(t, testflow.Options{})
	first, second := h.renames("one"), h.renames("two")
	var mu sync.Mutex
	won := map[string]int{}
	var all sync.WaitGroup
	for i := range 100 {
		token := []string{first, second}[i%2]
		all.Go(func() {
			done, err := h.Secure.Secure(h.Context(), token, testflow.Client())
			for authcore.CodeOf(err) == authcore.Unavailable && h.Context().Err() == nil {
				done, err = h.Secure.Secure(h.Context(), token, testflow.Client())
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil && done.ResetToken != "" {
				won[token]++
			} else if authcore.CodeOf(err) != authcore.InvalidCode {
				t.Errorf("neither won nor refused: %v", err)
			}
		})
	}
	all.Wait()
	if won[first] != 1 || won[second] > 1 {
		t.Errorf("the first link won %d times, the second %d times", won[first], won[second])
	}
	if a := h.account(); a.Username != "ada" {
		t.Errorf("the name is %s", a.Username)
	}
}
