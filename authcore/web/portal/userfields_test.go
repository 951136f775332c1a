package portal_test

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func someFields(t *testing.T) userfield.Set {
	pattern, err := userfield.Pattern("[A-Z].*")
	if err != nil {
		t.Fatal(err)
	}
	return userfield.Set{
		{Name: "home_town", Type: userfield.Text, Pattern: pattern, Required: true}, {Name: "age", Type: userfield.Integer},
		{Name: "news", Type: userfield.Boolean}, {Name: "born", Type: userfield.Date}, {Name: "site", Type: userfield.URL},
		{Name: "size", Type: userfield.Choice, Values: []string{"small", "large"}}, {Name: "plan", Type: userfield.Text, ReadOnly: true},
	}
}

// The forms ask for the fields of the operator; what is wrong with one is told beside it, and what was typed stays.
func TestUserFields_SignUpAndProfile(t *testing.T) {
	h := open(t, plan{fields: someFields(t)})
	b := h.browser()
	form := b.get("/register").want(http.StatusOK).says("Home town", "In the form [A-Z].*", "Such as 2026-12-31", "A whole number").silent("Plan")
	if problems := accessibility(form); len(problems) > 0 {
		t.Error(problems)
	}
	wrong := b.post("/register", []string{"email", email, "password", testflow.Password, "fields.home_town", "linz", "fields.age", "7.5",
		"fields.size", "large", "fields.site", "javascript:alert(1)"}).want(http.StatusUnprocessableEntity).
		says("Home town: This does not have the form that is asked for.", "Age: Enter a whole number of at most 15 digits.", "Site: Enter a web address")
	if problems := accessibility(wrong); len(problems) > 0 {
		t.Error(problems)
	}
	if got := wrong.field("fields.home_town"); got != "linz" {
		t.Errorf("what was typed is %q", got)
	}
	if chosen := wrong.chosen("fields.size"); chosen != "large" {
		t.Errorf("what was chosen is %q", chosen)
	}
	b.post("/register", []string{"email", email, "password", testflow.Password, "fields.home_town", "Linz", "fields.age", "7", "fields.news", "false",
		"fields.size", "large", "fields.born", "", "fields.plan", "gold"}).leads("/auth/verify?done=sent")
	b.post("/verify", []string{"email", email, "otp", h.Mail(t, email, authcore.MailVerify).Code}).leads("/auth/account")
	h.wantFields(map[string]any{"home_town": "Linz", "age": 7.0, "news": false, "size": "large"})

	page := b.get("/account/profile").want(http.StatusOK).silent("Plan")
	if problems := accessibility(page); len(problems) > 0 {
		t.Error(problems)
	}
	if page.field("fields.age") != "7" || page.chosen("fields.news") != "false" || page.chosen("fields.size") != "large" {
		t.Errorf("the form shows other values:\n%s", page.body)
	}
	b.post("/account/profile", []string{"fields.home_town", "", "fields.age", ""}).want(http.StatusUnprocessableEntity).says("Home town: Please fill this in.")
	b.post("/account/profile", []string{"fields.home_town", "Wien", "fields.age", "", "fields.news", "true", "fields.size", "", "fields.plan", "gold"}).
		leads("/auth/account?done=profile")
	h.wantFields(map[string]any{"home_town": "Wien", "news": true})
}

// Fields that people do not write are shown to them, and cannot be sent.
func TestUserFields_ReadOnly(t *testing.T) {
	h := open(t, plan{fields: someFields(t)})
	a := h.Person(t, signup.RegisterInput{Email: email, Fields: map[string]any{"home_town": "Linz"}}).Account
	if _, err := h.Store.UpdateProfile(t.Context(), a.ID, authcore.ProfileChange{Fields: map[string]any{"plan": "gold"}}, true, h.Clock.Now(), authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	b := h.browser()
	b.signIn()
	page := b.get("/account/profile").want(http.StatusOK).says("Plan", "gold", "Only an administrator can change this.")
	if problems := accessibility(page); len(problems) > 0 {
		t.Error(problems)
	}
	b.post("/account/profile", []string{"fields.home_town", "Linz", "fields.plan", "platinum"}).leads("/auth/account?done=profile")
	h.wantFields(map[string]any{"home_town": "Linz", "plan": "gold"})
}

func (h *house) account() authcore.Account {
	h.Helper()
	return must(h.Store.AccountByIdentifier(h.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email}))(h)
}

func (h *house) wantFields(want map[string]any) {
	h.Helper()
	if a := h.account(); !reflect.DeepEqual(a.Fields, want) {
		h.Fatalf("fields %v, want %v", a.Fields, want)
	}
}

// chosen returns the value of a select.
func (a *answer) chosen(name string) string {
	for _, s := range a.all("select") {
		if attr(s, "name") != name {
			continue
		}
		for o := range s.Descendants() {
			if o.Data == "option" && has(o, "selected") {
				return attr(o, "value")
			}
		}
	}
	return ""
}

// Who has chosen a language gets pages in it, whatever the browser asks for; also at once after choosing it.
func TestLocale_IsThatOfPages(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	english := header("Accept-Language", "en")
	page := b.get("/account/profile", english).want(http.StatusOK).says("Language of pages and mails", "As your browser asks", "Deutsch")
	if page.chosen("locale") != "" {
		t.Error("a language is chosen already")
	}
	b.post("/account/profile", []string{"locale", "fr"}, english).want(http.StatusUnprocessableEntity).says("Choose one of the languages that are offered.")
	b.post("/account/profile", []string{"locale", "de"}, english).leads("/auth/account?done=profile")
	page = b.get("/account/profile?done=profile", english).want(http.StatusOK).says("Sprache der Seiten und Mails")
	if page.chosen("locale") != "de" || page.header.Get("Content-Language") != "de" {
		t.Errorf("chosen %q, in %q", page.chosen("locale"), page.header.Get("Content-Language"))
	}
	b.post("/account/profile", []string{"username", "a b"}, english).want(http.StatusUnprocessableEntity).says("Sprache der Seiten und Mails")
	h.browser().get("/login", english).want(http.StatusOK).says("Sign in")
	// A program may set one with its region, which the form keeps.
	if _, err := h.Store.UpdateProfile(t.Context(), h.account().ID, authcore.ProfileChange{Locale: new("de-AT")}, true, h.Clock.Now(), authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	if page = b.get("/account/profile", english).want(http.StatusOK).says("Deutsch (de-AT)"); page.chosen("locale") != "de-AT" {
		t.Errorf("chosen %q", page.chosen("locale"))
	}
}
