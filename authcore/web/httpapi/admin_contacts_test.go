package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

const (
	thief  = "thief@example.com"
	victim = "ada@example.com"
)

// withApp adds an app that makes codes to an account whose sign-ins ask for no second factor, and returns its seed.
func (h *house) withApp(access string) string {
	h.Helper()
	token := bearer(h.mailed(access))
	added := h.post("/factors", `{"type":"totp"}`, token).want(201).fields()
	seed := added["secret"].(string)
	h.post("/factors/"+added["id"].(string)+"/confirm", `{"code":"`+testotp.Code(h, seed, h.Clock.Now())+`"}`, token).want(200)
	h.Clock.Advance(time.Minute)
	return seed
}

// pendingAt ends the test unless an answer is a sign-in that waits for a method.
func (a answer) pendingAt(method string) pending {
	a.Helper()
	var p pending
	if a.want(200).into(&p); !p.MFARequired || p.AccessToken != "" || len(p.Methods) == 0 || p.Methods[0].Method != method {
		a.Fatalf("the mailbox alone leads to %s", a.body)
	}
	return p
}

// Somebody has talked a help desk into putting their mailbox into an account. They have the mailbox, and not the account by it: whatever is
// sent there asks for a factor that the account had before, also where its sign-ins asked for none; and the owner can take it back.
func TestHelpDesk_MailboxPutInByAStranger(t *testing.T) {
	h := open(t, plan{ways: passwordless.Ways{Code: true, Link: true}, provider: true})
	ada := h.account(victim, "ada")
	seed := h.withApp(h.signIn("ada").AccessToken)
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	path := "/admin/users/" + ada.ID.String()
	session := bearer(h.signIn("ada").AccessToken)
	changed := h.call(http.MethodPatch, path, `{"email":"Thief@example.com"}`, asAdmin).want(200).fields()
	if changed["email"] != thief || changed["email_verified"] != false {
		t.Errorf("changed %v", changed)
	}
	h.call(http.MethodGet, "/me", "", session).refused(401, authcore.InvalidToken)
	undo := testflow.Token(t, h.Mail(t, victim, authcore.MailEmailChanged))
	if m := h.Mail(t, thief, authcore.MailEmailChanged); m.Link != "" || m.Name != "" {
		t.Errorf("the new address is told %+v", m)
	}
	h.signIn("ada") // by the password as ever, before the address is verified

	h.post(path+"/verification", "", asAdmin).want(202)
	code := h.Mail(t, thief, authcore.MailVerify).Code
	h.post("/verify", `{"email":"`+thief+`","otp":"`+code+`"}`).refused(403, authcore.RegistrationProofRequired)
	h.Clock.Advance(time.Minute)
	h.post("/otp", `{"email":"`+thief+`"}`).want(202)
	code = h.Mail(t, thief, authcore.MailSignInCode).Code
	h.post("/otp/verify", `{"email":"`+thief+`","otp":"`+code+`"}`).pendingAt("totp")
	h.post("/password/forgot", `{"login":"`+thief+`"}`).want(202)
	reset := testflow.Token(t, h.Mail(t, thief, authcore.MailReset))
	h.post("/password/reset", `{"token":"`+reset+`","new_password":"`+password2+`"}`).want(204)
	p := h.post("/login", `{"login":"ada","password":"`+password2+`"}`).pendingAt("totp")
	h.idp.User["email"] = thief
	if got := h.post("/social/acme/token", h.idToken("")).want(200).fields(); got["registration_required"] != true {
		t.Errorf("by a provider: %v", got)
	}
	for _, m := range h.Mails(t, thief) { // a connection would outlive the week
		if m.Kind == authcore.MailProviderCode {
			t.Error("the mailbox alone makes a connection")
		}
	}
	h.post("/login/mfa", `{"mfa_token":"`+p.MFAToken+`","code":"`+testotp.Code(t, seed, h.Clock.Now())+`"}`).want(200).pair()

	if undone := h.post("/secure", `{"token":"`+undo+`"}`).want(200).fields()["undone"].([]any); undone[0] != "email" {
		t.Errorf("undone %v", undone)
	}
	if now := must(h.Store.AccountByID(t.Context(), ada.ID))(t); now.Email != victim || !now.EmailVerified() || now.Watched(authcore.ByEmail, h.Clock.Now()) {
		t.Errorf("the account has %+v", now)
	}
}

// Where the account has no factor there is none to ask for; after a week the new mailbox is as good as any.
func TestAdmin_AddressIsWatchedForAWeek(t *testing.T) {
	h := open(t, plan{ways: passwordless.Ways{Code: true}})
	ada := h.account(victim, "ada")
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	path := "/admin/users/" + ada.ID.String()
	h.call(http.MethodPatch, path, `{"email":"`+thief+`"}`, asAdmin).want(200)
	byCode := func() answer {
		h.post("/otp", `{"email":"`+thief+`"}`).want(202)
		return h.post("/otp/verify", `{"email":"`+thief+`","otp":"`+h.Mail(t, thief, authcore.MailSignInCode).Code+`"}`)
	}
	if me := h.call(http.MethodGet, "/me", "", bearer(byCode().pair().AccessToken)).want(200).fields(); me["email_verified"] != true {
		t.Errorf("signed in as %v", me)
	}

	// A code to another mailbox is of the same kind, and still another proof.
	was := must(h.Store.FactorState(t.Context(), ada.ID, h.Clock.Now()))(t)
	box := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: ada.ID, Type: authcore.FactorEmail, Address: victim, CreatedAt: h.Clock.Now(), ConfirmedAt: h.Clock.Now()}
	check(t, h.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Add: []authcore.Factor{box}, Now: h.Clock.Now()}))
	h.Clock.Advance(time.Minute)
	p := byCode().pendingAt("email")
	got := h.post("/login/mfa", `{"mfa_token":"`+p.MFAToken+`","code":"`+h.Mail(t, victim, authcore.MailSecondFactorCode).Code+`"}`).want(200).pair()
	h.call(http.MethodGet, "/me/notifications", "", bearer(got.AccessToken)).want(200)
	h.Clock.Advance(authcore.ContactWatch)
	if byCode().want(200).pair().AccessToken == "" {
		t.Error("the week does not end")
	}

	// Whose address it is not to change.
	asAdmin = bearer(h.signIn("boss.one").AccessToken)
	other, _ := h.withRoles("boss.two", authcore.RoleAdmin)
	for _, id := range []uuid.UUID{boss.ID, other.ID} {
		for _, body := range []string{`{"email":"x@example.com"}`, `{"phone":"+4366412345678"}`, `{"email":null}`} {
			h.call(http.MethodPatch, "/admin/users/"+id.String(), body, asAdmin).refused(403, authcore.Forbidden)
		}
	}
	h.call(http.MethodPatch, "/admin/users/"+other.ID.String(), `{"email":"boss.two@example.com","first_name":"Two"}`, asAdmin).want(200) // it is so already
	h.call(http.MethodPatch, path, `{"email":"boss.two@example.com"}`, asAdmin).refused(409, authcore.Conflict)
	for _, body := range []string{`{"email":"x"}`, `{"phone":"12"}`, `{"email":null,"username":null}`} {
		h.call(http.MethodPatch, path, body, asAdmin).refused(422, authcore.InvalidFields)
	}
	h.call(http.MethodPatch, path, `{"username":null}`, asAdmin).want(200)
	h.call(http.MethodPatch, path, `{"phone":"+4366412345678"}`, asAdmin).want(200)
	h.call(http.MethodPut, path, `{"roles":[],"disabled":false,"phone":"+4366412345678"}`, asAdmin).refused(409, authcore.LastWayIn)
	put := h.call(http.MethodPut, path, `{"roles":[],"disabled":false,"email":"`+thief+`"}`, asAdmin).want(200).fields()
	if put["phone"] != "" || put["email"] != thief || put["email_verified"] != true {
		t.Errorf("replaced %v", put)
	}
}
