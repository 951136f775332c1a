package portal_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestRegister_ToTheWantedPage(t *testing.T) {
	h := open(t)
	b := h.browser()
	page := b.get("/login?rd=/wanted").want(http.StatusOK)
	to := ""
	for _, a := range page.all("a") {
		if text(a) == "Create an account" {
			to = attr(a, "href")
		}
	}
	if to != "/auth/register?rd=%2Fwanted" {
		t.Fatalf("leads to %q", to)
	}
	form := b.get("/register?rd=%2Fwanted").want(http.StatusOK)
	b.post("/register", []string{
		"email", email, "password", testflow.Password, "username", "ada", "first_name", "Ada", "last_name", "Lovelace", "rd", form.field("rd"),
	}).leads("/auth/verify?done=sent")
	verify := b.get("/verify?done=sent").want(http.StatusOK).says("We have sent you a mail.").noField("password")
	if verify.field("email") != email || attr(verify.all("input")[1], "autocomplete") != "one-time-code" || attr(verify.all("input")[1], "inputmode") != "numeric" {
		t.Errorf("got\n%s", verify.body)
	}
	wrong := b.post("/verify", []string{"email", email, "otp", "000000"}).want(http.StatusBadRequest).says("The code or link is wrong")
	if wrong.field("otp") != "" || wrong.field("email") != email { // a code that is pasted over a wrong one is wrong, too
		t.Errorf("the form came back with the code, or without the address:\n%s", wrong.body)
	}
	code := h.Mail(t, email, authcore.MailVerify).Code
	b.post("/verify", []string{"email", email, "otp", code[:3] + " " + code[3:]}).leads("/wanted")
	for _, name := range []string{"__Host-gatehouse_registration", "__Host-gatehouse_pending"} {
		if b.cookies[name] != "" {
			t.Errorf("%s is still there", name)
		}
	}
	b.get("/account").want(http.StatusOK).says("Ada Lovelace", email)
}

// Who tries to sign in before the address is proven still arrives where they wanted to go at first.
func TestRegister_WantedPageSurvivesASignInTooEarly(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/register", []string{"email", email, "password", testflow.Password, "rd", "/wanted"}).leads("/auth/verify?done=sent")
	verify := b.get("/verify?done=sent").want(http.StatusOK)
	found := false
	for _, a := range verify.all("a") {
		found = found || attr(a, "href") == "/auth/login?rd=%2Fwanted"
	}
	if !found {
		t.Errorf("no link to sign in keeps the wanted page:\n%s", verify.body)
	}
	b.post("/login", []string{"login", email, "password", testflow.Password}).want(http.StatusForbidden)
	b.post("/verify", []string{"email", email, "otp", h.Mail(t, email, authcore.MailVerify).Code}).leads("/wanted")
}

func TestRegister_RefusalsKeepWhatWasTyped(t *testing.T) {
	h := open(t)
	b := h.browser()
	got := b.post("/register", []string{"email", "ada@", "password", "zq secret", "username", "a b c", "first_name", "Ada", "rd", "/wanted"}).
		want(http.StatusUnprocessableEntity).
		says("Please correct this:", "Enter a valid e-mail address", "A username may contain only the letters", "Use at least 12 characters.").silent("zq secret")
	for name, want := range map[string]string{"email": "ada@", "username": "a b c", "first_name": "Ada", "password": "", "rd": "/wanted"} {
		if got.field(name) != want {
			t.Errorf("%s is %q, want %q", name, got.field(name), want)
		}
	}
	for _, a := range got.all("li") { // the summary leads to the fields
		for n := range a.Descendants() {
			if to := attr(n, "href"); len(to) > 1 && to[0] == '#' && to != "#email" && to != "#password" && to != "#username" {
				t.Errorf("leads to %s", to)
			}
		}
	}
	german := b.post("/register", []string{"email", "ada@", "password", "kurz"}, header("Accept-Language", "de-AT,de;q=0.9")).
		says("Nehmen Sie mindestens 12 Zeichen.", "Geben Sie eine gültige E-Mail-Adresse ein")
	if attr(german.all("html")[0], "lang") != "de" || german.header.Get("Content-Language") != "de" {
		t.Errorf("got\n%s", german.body)
	}
}

// What a stranger sees is the same for an address with an account and one without, byte for byte but for secrets.
func TestL04_SameAnswers(t *testing.T) {
	h := open(t)
	h.Person(t, signup.RegisterInput{Email: email, Username: "ada"})
	for path, fields := range map[string][][]string{
		"/register":        {{"email", email, "password", testflow.Password}, {"email", "bob@example.com", "password", testflow.Password}},
		"/password/forgot": {{"login", email}, {"login", "nobody@example.com"}},
		"/verify/resend":   {{"email", email}, {"email", "nobody@example.com"}},
	} {
		known, unknown := h.browser(), h.browser()
		a, b := known.post(path, fields[0]), unknown.post(path, fields[1])
		if a.status != http.StatusSeeOther || a.status != b.status || a.header.Get("Location") != b.header.Get("Location") || a.body != b.body {
			t.Errorf("%s: %d %v and %d %v", path, a.status, a.header, b.status, b.header)
		}
		if len(known.cookies) != len(unknown.cookies) {
			t.Errorf("%s: cookies %v and %v", path, known.cookies, unknown.cookies)
		}
	}
	known, unknown := h.browser(), h.browser()
	a, b := known.post("/login", []string{"login", email, "password", "x"}), unknown.post("/login", []string{"login", "eva@example.com", "password", "x"})
	if a.status != b.status || len(a.body)-len(email) != len(b.body)-len("eva@example.com") {
		t.Errorf("sign-in: %d %s\n%d %s", a.status, a.body, b.status, b.body)
	}
}

func TestRegister_Closed(t *testing.T) {
	h := open(t, plan{signup: signup.Closed})
	b := h.browser()
	b.get("/login").want(http.StatusOK).silent("/auth/register")
	b.get("/register").want(http.StatusForbidden).says("Sign-up is closed").noField("password")
	b.post("/register", []string{"email", email, "password", testflow.Password}).want(http.StatusForbidden).says("Sign-up is closed")
}

func TestRegister_Open(t *testing.T) {
	h := open(t, plan{signup: signup.Open})
	b := h.browser()
	fields := []string{"email", email, "password", testflow.Password, "username", "ada"}
	b.post("/register", fields).leads("/auth/login?done=registered")
	if got := b.get("/login?done=registered").says("Your account is ready."); got.field("login") != email {
		t.Errorf("got\n%s", got.body)
	}
	b.signIn()
	h.browser().post("/register", fields).want(http.StatusConflict).says("There is already an account with this address.")
}

func TestResend(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.post("/register", []string{"email", email, "password", testflow.Password, "rd", "/wanted"}).leads("/auth/verify?done=sent")
	if b.get("/verify/resend").want(http.StatusOK).field("email") != email {
		t.Error("the address is forgotten")
	}
	first := h.Mail(t, email, authcore.MailVerify)
	h.Clock.Advance(2 * 60 * 1e9)
	b.post("/verify/resend", []string{"email", email}).leads("/auth/verify?done=sent")
	second := h.Mail(t, email, authcore.MailVerify)
	if first.Code == second.Code && first.Link == second.Link {
		t.Fatal("no other code was sent")
	}
	b.post("/verify", []string{"email", email, "otp", second.Code}).leads("/wanted")
	b.post("/verify/resend", []string{"email", ""}).want(http.StatusUnprocessableEntity).says("Enter an e-mail address.")
	if got := b.post("/verify/resend", []string{"email", "x"}).want(http.StatusUnprocessableEntity); got.field("email") != "x" {
		t.Errorf("got\n%s", got.body)
	}
}
