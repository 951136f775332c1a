package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestReset_ByLink(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	other := h.browser()
	if got := other.get("/password/forgot?rd=/wanted").want(http.StatusOK); got.field("rd") != "/wanted" {
		t.Errorf("got\n%s", got.body)
	}
	other.post("/password/forgot", []string{"login", email, "rd", "/wanted"}).leads("/auth/password/reset?done=reset_sent")
	other.get(linkPath(t, h.Mail(t, email, authcore.MailReset))).leads("/auth/reset")
	page := other.get("/reset").want(http.StatusOK).noField("otp").noField("login")
	if attr(page.all("input")[0], "autocomplete") != "new-password" {
		t.Errorf("got\n%s", page.body)
	}
	other.post("/password/reset", []string{"new_password", "short"}).want(http.StatusUnprocessableEntity).says("Use at least 12 characters.").noField("otp")
	other.post("/password/reset", []string{"new_password", testflow.OtherPassword}).leads("/auth/login?done=reset&rd=%2Fwanted")
	login := other.get("/login?done=reset&rd=%2Fwanted").want(http.StatusOK).says("Your password has been changed.")
	if login.field("login") != email || login.field("rd") != "/wanted" {
		t.Errorf("got\n%s", login.body)
	}
	b.get("/account").leads("/auth/login") // every session has ended
	other.post("/login", []string{"login", email, "password", testflow.OtherPassword, "rd", "/wanted"}).leads("/wanted")
}

func TestReset_ByCode(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	b := h.browser()
	b.post("/password/forgot", []string{"login", "ada"}).leads("/auth/password/reset?done=reset_sent")
	page := b.get("/password/reset?done=reset_sent").want(http.StatusOK).says("If there is an account with this address or name")
	if page.field("login") != "ada" {
		t.Errorf("got\n%s", page.body)
	}
	got := b.post("/password/reset", []string{"login", "ada", "otp", "000000", "new_password", testflow.OtherPassword}).
		want(http.StatusBadRequest).says("The code or link is wrong").silent(testflow.OtherPassword)
	if got.field("login") != "ada" || got.field("otp") != "" {
		t.Errorf("the form came back with the code, or without the name:\n%s", got.body)
	}
	b.post("/password/reset", []string{"login", "", "otp", "", "new_password", ""}).want(http.StatusUnprocessableEntity).says("Enter your e-mail address or username.")
	code := h.Mail(t, email, authcore.MailReset).Code
	b.post("/password/reset", []string{"login", "ada", "otp", code, "new_password", testflow.OtherPassword}).leads("/auth/login?done=reset")
	b.post("/login", []string{"login", email, "password", testflow.OtherPassword}).leads("/auth/account")
}

func TestReset_DeadLinkAsksForTheCode(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.get("/reset?token=" + strings.Repeat("x", 43)).leads("/auth/reset")
	b.post("/password/reset", []string{"new_password", testflow.OtherPassword}).want(http.StatusBadRequest).field("otp")
	b.post("/password/reset", []string{"new_password", testflow.OtherPassword}).want(http.StatusBadRequest).field("otp")
	b.post("/password/forgot", []string{"login", " "}).want(http.StatusUnprocessableEntity).says("Enter your e-mail address or username.")
}

func TestAccount_Password(t *testing.T) {
	h := open(t)
	b, other := h.browser().person(), h.browser()
	other.signIn()
	wrong := b.post("/account/password", []string{"current_password", "wrong", "new_password", testflow.OtherPassword}).
		want(http.StatusUnauthorized).says("The current password is wrong.").silent(testflow.OtherPassword)
	if wrong.field("current_password") != "" {
		t.Errorf("got\n%s", wrong.body)
	}
	b.post("/account/password", nil).want(http.StatusUnprocessableEntity).says("Enter your current password.", "Choose a password.")
	b.post("/account/password", []string{"current_password", testflow.Password, "new_password", "lovelace ada"}).want(http.StatusUnprocessableEntity).
		says("Do not use your name")
	b.post("/account/password", []string{"current_password", testflow.Password, "new_password", testflow.OtherPassword}).leads("/auth/login?done=password")
	for name := range b.cookies {
		if strings.HasPrefix(name, "__Host-gatehouse") {
			t.Errorf("%s stays", name)
		}
	}
	other.get("/account").leads("/auth/login")
	h.Mail(t, email, authcore.MailPasswordReset)
	b.post("/login", []string{"login", email, "password", testflow.OtherPassword}).leads("/auth/account")
}

func TestAccount_Profile(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	got := b.post("/account/profile", []string{"first_name", "Augusta", "last_name", "King", "username", "a b", "phone", "123"}).
		want(http.StatusUnprocessableEntity).says("A username may contain only the letters", "Enter a phone number in international form")
	for name, want := range map[string]string{"first_name": "Augusta", "username": "a b", "phone": "123"} {
		if got.field(name) != want {
			t.Errorf("%s is %q, want %q", name, got.field(name), want)
		}
	}
	b.get("/account").says("Ada Lovelace")
	b.post("/account/profile", []string{"first_name", "Augusta", "last_name", "King", "username", "", "phone", "+43 1 2345678", "email", "evil@example.com", "roles", "admin"}).
		leads("/auth/account?done=profile")
	b.get("/account?done=profile").want(http.StatusOK).says("Augusta King", email, "Your profile has been saved.").silent("evil@example.com")
	if page := b.get("/account/profile").want(http.StatusOK); page.field("phone") != "+4312345678" || page.field("username") != "" {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/account", []string{"first_name", "Ada"}).want(http.StatusMethodNotAllowed) // the overview has no form
}

// What has been asked for and not been confirmed stands on the overview until it has lapsed.
func TestAccount_Pending(t *testing.T) {
	h := open(t)
	b := h.browser()
	now := h.Clock.Now()
	if err := h.Store.CreateAccount(t.Context(), authcore.Account{
		ID: uuid.New(), Email: email, EmailVerifiedAt: now, PasswordHash: must(h.Hasher.Hash(t.Context(), testflow.Password))(t),
		PendingEmail: "new@example.com", PendingEmailUntil: now.Add(time.Hour), PendingPhone: "+4312345678", PendingPhoneUntil: now.Add(2 * time.Hour),
		CreatedAt: now, UpdatedAt: now,
	}, []authcore.Identifier{{Kind: authcore.KindEmail, Value: email}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	b.signIn()
	b.get("/account").says("new@example.com is not confirmed yet", "4312345678 is not confirmed yet", "No name yet")
	h.Clock.Advance(time.Hour)
	b.get("/account").silent("new@example.com").says("4312345678 is not")
}

func TestAccount_Sessions(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	h.Clock.Advance(3 * time.Minute)
	others := []*browser{h.browser(), h.browser(), h.browser()}
	for _, o := range others {
		o.signIn()
	}
	b.get("/account").want(http.StatusOK).says("5 sessions")
	page := b.get("/account/sessions").want(http.StatusOK).says("Firefox on Linux", "This browser", "active 3 minutes ago", "192.0.2.7")
	if len(page.all("time")) != 5 { // two of b, one of the registration
		t.Fatalf("%d sessions:\n%s", len(page.all("time")), page.body)
	}
	// One's own session id is good for oneself alone (S06).
	mine := ""
	for _, li := range others[0].get("/account/sessions").all("li") {
		if strings.Contains(text(li), "This browser") {
			for n := range li.Descendants() {
				if attr(n, "name") == "end" {
					mine = attr(n, "value")
				}
			}
		}
	}
	h.Person(t, signup.RegisterInput{Email: "eva@example.com"})
	eva := h.browser()
	eva.post("/login", []string{"login", "eva@example.com", "password", testflow.Password}).leads("/auth/account")
	eva.post("/account/sessions", []string{"end", mine}).leads("/auth/account/sessions?done=sessions")
	others[0].get("/account").want(http.StatusOK)

	b.post("/account/sessions", []string{"end", mine}).leads("/auth/account/sessions?done=sessions")
	others[0].get("/account").leads("/auth/login")
	others[1].get("/account").want(http.StatusOK)
	b.post("/account/sessions", []string{"end", "others"}).leads("/auth/account/sessions?done=sessions")
	others[1].get("/account").leads("/auth/login")
	if got := b.get("/account/sessions").want(http.StatusOK); len(got.all("time")) != 1 || strings.Contains(got.body, `"others"`) {
		t.Errorf("got\n%s", got.body)
	}
	b.post("/account/sessions", []string{"end", "x"}).want(http.StatusBadRequest)
	b.post("/account/sessions", nil).want(http.StatusBadRequest)
	b.post("/account/sessions", []string{"end", "all"}).leads("/auth/signed-out")
	b.get("/account").leads("/auth/login")
}

func TestAccount_FormsOfTheSignedOut(t *testing.T) {
	h := open(t)
	b := h.browser()
	for _, path := range []string{"/account/profile", "/account/password", "/account/sessions"} {
		b.post(path, []string{"end", "all"}).leads("/auth/login?done=not_saved")
		b.get(path).want(http.StatusSeeOther)
	}
	b.get("/login?done=not_saved").want(http.StatusOK).says("You were signed out before this was saved.")
	b.get("").leads("/auth/login")
	b.get("/").leads("/auth/login")
}

// Who signs in by a code as well may do without a password: the page says what will happen, and asks for a proof where the sign-in is old.
func TestAccount_RemovePassword(t *testing.T) {
	h := open(t)
	h.browser().person().get("/account/password").want(http.StatusOK).silent("Remove password")
	h = build(t, plan{ways: codesAndLinks})
	b := h.browser().person()
	b.get("/account/password").want(http.StatusOK).says("Remove password", "/auth/account/password/remove")
	h.Clock.Advance(time.Hour)
	b.get("/account/password/remove").want(http.StatusOK).says("You will sign in without a password")
	b.post("/account/password/remove", nil).want(http.StatusForbidden).field("password")
	b.post("/account/password/remove", []string{"password", testflow.Password}).leads("/auth/login?done=password_removed")
	b.get("/login?done=password_removed").want(http.StatusOK).says("Your password has been removed")
	b.get("/account").leads("/auth/login")
	b.post("/login", []string{"login", email, "password", testflow.Password}).want(http.StatusUnauthorized)
	b.post("/otp", []string{"login", email}).leads("/auth/otp/verify?done=code_asked")
	b.post("/otp/verify", []string{"login", email, "otp", h.Mail(t, email, authcore.MailSignInCode).Code}).leads("/auth/account")
	b.get("/account").want(http.StatusOK).says("None")
	b.post("/account/password/remove", nil).leads("/auth/account/password")
	b.get("/account/password").want(http.StatusOK).says("Set password").silent("Remove password")
}

// A password may be left out where something else signs in; the form says so.
func TestRegister_WithoutAPassword(t *testing.T) {
	h := open(t, plan{ways: codesAndLinks})
	b := h.browser()
	page := b.get("/register").want(http.StatusOK)
	if attr(page.all("input")[1], "name") != "password" || has(page.all("input")[1], "required") {
		t.Errorf("got\n%s", page.body)
	}
	b.post("/register", []string{"email", email}).leads("/auth/verify?done=sent")
	b.post("/verify", []string{"email", email, "otp", h.Mail(t, email, authcore.MailVerify).Code}).leads("/auth/account")
}
