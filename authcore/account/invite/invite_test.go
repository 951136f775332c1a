package invite_test

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const bob = "bob@example.com"

type team struct {
	*testflow.Env
	admins *admin.Accounts
	chief  uuid.UUID
}

// open has an administrator who may invite, as everybody may.
func open(t *testing.T) *team {
	t.Helper()
	return openWith(t, testflow.Options{})
}

func openWith(t *testing.T, o testflow.Options) *team {
	t.Helper()
	o.Mode, o.Inviters = signup.Invite, authcore.Inviters{Everybody: true}
	e := testflow.New(t, o)
	accounts, err := admin.New(admin.Config{Store: e.Store, Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername}, Now: e.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	made, err := accounts.Create(t.Context(), admin.CreateInput{Email: "chief@example.com", Roles: []string{authcore.RoleAdmin}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.Create(t.Context(), admin.CreateInput{Email: "other@example.com", Roles: []string{authcore.RoleAdmin}}); err != nil {
		t.Fatal(err)
	}
	return &team{e, accounts, made.Account.ID}
}

var yes, no = true, false

// change is a change of the first administrator's account by whoever runs the gateway.
func (e *team) change(t *testing.T, edit admin.Edit) error {
	_, err := e.Users.Change(t.Context(), uuid.Nil, e.chief.String(), edit, nil)
	return err
}

func (e *team) make(t *testing.T, in invite.Input) invite.Made {
	t.Helper()
	in.Client = testflow.Client()
	made, err := e.Invite.Create(t.Context(), e.chief, in)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// mailed returns the token that went to an address.
func (e *team) mailed(t *testing.T, to string) string {
	t.Helper()
	return testflow.Token(t, e.Mail(t, to, authcore.MailInvitation))
}

func (e *team) register(t *testing.T, email, token string) (signup.Registered, error) {
	t.Helper()
	return e.SignUp.Register(t.Context(), signup.RegisterInput{Email: email, Password: testflow.Password, Invitation: token, Client: testflow.Client()})
}

func TestInvite_Bound(t *testing.T) {
	t.Parallel()
	e := open(t)
	made := e.make(t, invite.Input{Email: bob, Roles: []string{"staff", authcore.RoleAdmin}})
	if made.Token != "" || made.URL != "" {
		t.Error("the inviter of an address sees its token, and could verify a stranger's address")
	}
	_, err := e.register(t, bob, "")
	testflow.WantCode(t, err, authcore.InvitationRequired)
	_, err = e.register(t, "eve@example.com", e.mailed(t, bob))
	testflow.WantCode(t, err, authcore.InvalidInvitation)
	done, err := e.register(t, "", e.mailed(t, bob))
	if err != nil || done.Account == nil {
		t.Fatalf("%+v (%v)", done, err)
	}
	if a := done.Account; !a.EmailVerified() || a.InvitedBy != e.chief || !slices.Equal(a.Roles, []string{"admin", "staff"}) {
		t.Errorf("the account is %+v", a)
	}
	if _, err := e.TrySignIn(t, bob, testflow.Password); err != nil {
		t.Error(err)
	}
	_, err = e.register(t, bob, e.mailed(t, bob))
	testflow.WantCode(t, err, authcore.InvalidInvitation)
}

func TestInvite_Unbound(t *testing.T) {
	t.Parallel()
	e := open(t)
	made := e.make(t, invite.Input{Roles: []string{"staff"}})
	done, err := e.register(t, bob, made.Token)
	if err != nil || done.Account != nil {
		t.Fatalf("an invitation of nobody verifies an address: %+v (%v)", done, err)
	}
	code := e.Mail(t, bob, authcore.MailVerify).Code
	verify := signup.VerifyInput{Email: bob, OTP: code, NewPassword: testflow.Password, Request: testflow.Request()}
	_, err = e.SignUp.Verify(t.Context(), verify) // without the registration there is no invitation
	testflow.WantCode(t, err, authcore.InvitationRequired)
	verify.NewPassword, verify.Proof = "", done.Proof
	tokens, err := testflow.Tokens(e.SignUp.Verify(t.Context(), verify))
	if err != nil || !slices.Equal(tokens.Account.Roles, []string{"staff"}) || tokens.Account.InvitedBy != e.chief {
		t.Fatalf("%+v (%v)", tokens.Account, err)
	}
	_, err = e.register(t, "eve@example.com", made.Token)
	testflow.WantCode(t, err, authcore.InvalidInvitation)
}

// TestInvite_OneAccount: of 100 who use one invitation at once one has an account.
func TestInvite_OneAccount(t *testing.T) {
	t.Parallel()
	e := open(t)
	token := e.make(t, invite.Input{}).Token
	proofs := make([]signup.VerifyInput, 100)
	for i := range proofs {
		address := "p" + strconv.Itoa(i) + "@example.com"
		done, err := e.register(t, address, token)
		if err != nil {
			t.Fatal(err)
		}
		proofs[i] = signup.VerifyInput{Token: testflow.Token(t, e.Mail(t, address, authcore.MailVerify)), Proof: done.Proof, Request: testflow.Request()}
	}
	var all sync.WaitGroup
	errs := make([]error, len(proofs))
	for i := range proofs {
		all.Go(func() { _, errs[i] = e.SignUp.Verify(t.Context(), proofs[i]) })
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		testflow.WantCode(t, err, authcore.InvalidInvitation)
	}
	if made != 1 {
		t.Errorf("%d accounts", made)
	}
}

// TestInvite_InviterLostTheRight: what an inviter may not do any more is not to be had by their invitations.
func TestInvite_InviterLostTheRight(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*testing.T, *team) error{
		"disabled": func(t *testing.T, e *team) error {
			err := e.change(t, admin.Edit{Disabled: &yes})
			if err == nil { // what was revoked stays so
				err = e.change(t, admin.Edit{Disabled: &no})
			}
			return err
		},
		"no administrator": func(t *testing.T, e *team) error {
			err := e.change(t, admin.Edit{TakeRoles: []string{authcore.RoleAdmin}})
			return err
		},
	} {
		e := open(t)
		e.make(t, invite.Input{Email: bob, Roles: []string{authcore.RoleAdmin}})
		waiting := e.make(t, invite.Input{Roles: []string{"staff"}})
		done, err := e.register(t, "eve@example.com", waiting.Token)
		if err != nil {
			t.Fatal(err)
		}
		if err := lose(t, e); err != nil {
			t.Fatal(err)
		}
		bound, errBound := e.register(t, "", e.mailed(t, bob))
		tokens, errWaiting := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{
			Token: testflow.Token(t, e.Mail(t, "eve@example.com", authcore.MailVerify)), Proof: done.Proof, Request: testflow.Request()}))
		if name == "disabled" {
			testflow.WantCode(t, errBound, authcore.InvalidInvitation)
			testflow.WantCode(t, errWaiting, authcore.InvalidInvitation)
			continue
		}
		// They may still invite, as everybody may, and give no roles.
		if err := errors.Join(errBound, errWaiting); err != nil || len(bound.Account.Roles)+len(tokens.Account.Roles) != 0 {
			t.Errorf("%s: roles %v and %v (%v)", name, bound.Account, tokens.Account.Roles, err)
		}
	}
}

func TestInvite_WhoMay(t *testing.T) {
	t.Parallel()
	e := open(t)
	e.make(t, invite.Input{Email: bob})
	done, err := e.register(t, "", e.mailed(t, bob))
	if err != nil {
		t.Fatal(err)
	}
	client := testflow.Client()
	_, err = e.Invite.Create(t.Context(), done.Account.ID, invite.Input{Email: "eve@example.com", Roles: []string{"staff"}, Client: client})
	testflow.WantCode(t, err, authcore.Forbidden)
	_, err = e.Invite.Create(t.Context(), e.chief, invite.Input{Roles: []string{authcore.RoleAuditor}, Client: client})
	testflow.WantCode(t, err, authcore.InvalidFields)
	others := e.make(t, invite.Input{})
	testflow.WantCode(t, e.Invite.Revoke(t.Context(), done.Account.ID, others.ID, client), authcore.NotFound)
	_, err = e.Invite.List(t.Context(), done.Account.ID, invite.Page{Limit: 1, All: true})
	testflow.WantCode(t, err, authcore.Forbidden)
	_, err = e.Invite.List(t.Context(), e.chief, invite.Page{Limit: 1, Cursor: "forged"})
	testflow.WantCode(t, err, authcore.InvalidRequest)
	// A stranger learns nothing of who has an account, and the owner is told.
	if known := e.make(t, invite.Input{Email: bob}); known.Status(e.Clock.Now()) != authcore.InvitationPending {
		t.Errorf("%+v", known)
	}
	if m := e.Mail(t, bob, authcore.MailInvitationKnown); m.Link != client.Portal {
		t.Errorf("the owner of an account gets %q", m.Link)
	}
}

// Invitations are mails that somebody else asks for: those of many accounts count together (contract §11, the limit mail).
func TestInvite_ManyAccountsDoNotFloodAnAddress(t *testing.T) {
	t.Parallel()
	e := openWith(t, testflow.Options{Rates: map[string]ratelimit.Rate{authcore.LimitMail: {Count: 2, Window: time.Hour}}})
	other, err := e.admins.Create(t.Context(), admin.CreateInput{Email: "third@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	first := e.make(t, invite.Input{Email: bob})
	in := invite.Input{Email: bob, Client: testflow.Client()}
	if _, err := e.Invite.Create(t.Context(), other.Account.ID, in); err != nil {
		t.Fatal(err)
	}
	_, err = e.Invite.Create(t.Context(), other.Account.ID, in)
	testflow.WantCode(t, err, authcore.RateLimited)
	testflow.WantCode(t, e.Invite.Resend(t.Context(), e.chief, first.ID, testflow.Client()), authcore.RateLimited)
	e.make(t, invite.Input{Email: "carol@example.com"})
}

func TestInvite_ListRevokeResend(t *testing.T) {
	t.Parallel()
	e := open(t)
	client := testflow.Client()
	first := e.make(t, invite.Input{Email: bob})
	former := e.mailed(t, bob)
	if err := e.Invite.Resend(t.Context(), e.chief, first.ID, client); err != nil {
		t.Fatal(err)
	}
	_, err := e.register(t, "", former)
	testflow.WantCode(t, err, authcore.InvalidInvitation)
	second := e.make(t, invite.Input{})
	testflow.WantCode(t, e.Invite.Resend(t.Context(), e.chief, second.ID, client), authcore.NotFound)
	if err := e.Invite.Revoke(t.Context(), e.chief, second.ID, client); err != nil {
		t.Fatal(err)
	}
	testflow.WantCode(t, e.Invite.Revoke(t.Context(), e.chief, second.ID, client), authcore.NotFound)
	if done, err := e.register(t, bob, e.mailed(t, bob)); err != nil || done.Account == nil {
		t.Fatal(err)
	}
	late := e.make(t, invite.Input{})
	e.Clock.Advance(7 * 24 * time.Hour)
	_, err = e.register(t, "late@example.com", late.Token)
	testflow.WantCode(t, err, authcore.InvalidInvitation)
	var seen []authcore.InvitationStatus
	for p := (invite.Page{Limit: 1}); ; {
		l, err := e.Invite.List(t.Context(), e.chief, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range l.Invitations {
			seen = append(seen, i.Status(e.Clock.Now()))
		}
		if p.Cursor = l.Next; p.Cursor == "" {
			break
		}
	}
	if want := []authcore.InvitationStatus{authcore.InvitationExpired, authcore.InvitationRevoked, authcore.InvitationUsed}; !slices.Equal(seen, want) {
		t.Errorf("listed %v, want %v", seen, want)
	}
}

// An invitation to a number goes there alone by SMS, and using it verifies the number.
func TestInvite_ByNumber(t *testing.T) {
	t.Parallel()
	const number = "+436641234567"
	e := openWith(t, testflow.Options{Numbers: identifier.Numbers{Region: "AT", Countries: []string{"AT"}, Texts: true},
		Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername, authcore.KindPhone},
		Rates:      map[string]ratelimit.Rate{authcore.LimitSMS: {Count: 1, Window: time.Hour}}})
	made := e.make(t, invite.Input{Phone: "0664 1234567", Roles: []string{authcore.RoleAuditor}})
	if made.Token != "" || made.URL != "" || made.Address != number || made.Channel != authcore.BySMS {
		t.Fatalf("%+v", made)
	}
	text := e.Mail(t, number, authcore.MailInvitation)
	if text.Channel != authcore.BySMS {
		t.Errorf("%+v", text)
	}
	_, err := e.SignUp.Register(t.Context(), signup.RegisterInput{Phone: "+436649999999", Password: testflow.Password, Invitation: testflow.Token(t, text), Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.InvalidInvitation)
	done, err := e.register(t, bob, testflow.Token(t, text))
	if err != nil || done.Account == nil {
		t.Fatalf("%+v (%v)", done, err)
	}
	if a := done.Account; a.Phone != number || !a.PhoneVerified() || a.Email != "" || a.PendingEmail != bob || a.InvitedBy != e.chief {
		t.Errorf("an address beside the number is saved unverified: %+v", a)
	}
	if _, err := e.TrySignIn(t, number, testflow.Password); err != nil {
		t.Error(err)
	}
	create := func(in invite.Input) error {
		in.Client = testflow.Client()
		_, err := e.Invite.Create(t.Context(), e.chief, in)
		return err
	}
	testflow.WantCode(t, create(invite.Input{Phone: number}), authcore.RateLimited)
	testflow.WantCode(t, create(invite.Input{Phone: "+12025550123"}), authcore.InvalidFields)
	testflow.WantCode(t, create(invite.Input{Phone: number, Email: bob}), authcore.InvalidRequest)
	e.Clock.Advance(2 * time.Hour)
	e.make(t, invite.Input{Phone: number})
	e.Mail(t, number, authcore.MailInvitationKnown)
	_, err = open(t).Invite.CreateAsOperator(t.Context(), invite.Input{Phone: number, Client: testflow.Client()})
	testflow.WantCode(t, err, authcore.NotFound)
}

// Whoever has invited somebody is told when the invitation is used, unless they have switched that off, with a link that undoes what a thief
// of their session has done since.
func TestInvite_InviterIsTold(t *testing.T) {
	t.Parallel()
	e := open(t)
	made := e.make(t, invite.Input{Email: bob})
	if _, err := e.register(t, "", e.mailed(t, bob)); err != nil {
		t.Fatal(err)
	}
	m := e.Mail(t, "chief@example.com", authcore.MailInvitationUsed)
	if m.AccountID != made.InviterID || m.Link == "" || m.Addr != "" || m.Device != "" {
		t.Errorf("the mail is %+v", m)
	}
	if _, err := e.Secure.Secure(t.Context(), testflow.Token(t, m), testflow.Client()); err != nil {
		t.Error(err)
	}
	told := func() (n int) {
		for _, m := range e.Mails(t, "chief@example.com") {
			if m.Kind == authcore.MailInvitationUsed {
				n++
			}
		}
		return n
	}
	unbound := e.make(t, invite.Input{})
	registered, err := e.register(t, "carl@example.com", unbound.Token)
	if err != nil || told() != 1 {
		t.Fatalf("told before an account is made (%v)", err)
	}
	token := testflow.Token(t, e.Mail(t, "carl@example.com", authcore.MailVerify))
	if _, err := e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: token, Proof: registered.Proof, Request: testflow.Request()}); err != nil {
		t.Fatal(err)
	}
	if n := told(); n != 2 {
		t.Errorf("%d mails of two invitations", n)
	}
	a, err := e.Store.AccountByID(t.Context(), e.chief)
	if err != nil {
		t.Fatal(err)
	}
	a.Muted = []string{string(authcore.MailInvitationUsed)}
	var fx authcore.Effects
	if err := e.Notices.Security(t.Context(), &fx, notice.Notice{Kind: authcore.MailInvitationUsed, Account: a, Client: testflow.Client(),
		Event: authcore.Event{Kind: authcore.EventInvitationUsed, At: e.Clock.Now()}}); err != nil || len(fx.Mails) > 0 {
		t.Errorf("%d mails to who has switched them off (%v)", len(fx.Mails), err)
	}
}
