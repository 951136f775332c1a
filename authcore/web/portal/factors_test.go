package portal_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
	"github.com/gatehouse-auth/gatehouse/internal/testotp"
)

// seedShown is what the page shows of an app's seed.
func seedShown(t *testing.T, a *answer) string {
	t.Helper()
	for _, n := range a.all("textarea") {
		if attr(n, "id") == "seed" {
			return strings.ReplaceAll(text(n), " ", "")
		}
	}
	t.Fatalf("no seed in\n%s", a.body)
	return ""
}

var recoveryCode = regexp.MustCompile(`<code>[0-9a-z]{5}-[0-9a-z]{5}</code>`)

// TestO17_FactorPages: a browser that was found open neither adds nor removes a factor, and does not see the seed of one.
func TestO17_FactorPages(t *testing.T) {
	h := open(t)
	b, thief := h.browser().person(), h.browser()
	thief.signIn()
	b.get("/account").want(http.StatusOK).says("Two-factor authentication")
	b.get("/account/factors").want(http.StatusOK).says("You have none yet")
	b.get("/account/factors/add").leads("/auth/account/factors")
	h.Clock.Advance(11 * time.Minute)
	b.post("/account/factors/add", []string{"type", "totp", "name", "Phone"}).want(http.StatusForbidden).
		says("Please confirm first that it is you", "we send a code to ada@example.com").silent("Authenticator app")
	b.post("/account/factors/add", []string{"type", "totp", "name", "Phone", "password", testflow.Password}).want(http.StatusForbidden)
	b.mailed()
	b.post("/account/factors/add", []string{"type", "totp", "name", "Phone"}).leads("/auth/account/factors/confirm")
	page := b.get("/account/factors/confirm").want(http.StatusOK).says("Scan this picture", "otpauth://totp/", "viewBox", "one-time-code")
	seed := seedShown(t, page)
	thief.get("/account/factors/confirm").leads("/auth/account/factors")
	b.post("/account/factors/confirm", []string{"otp", "000000x"}).want(http.StatusBadRequest)
	b.post("/account/factors/confirm", []string{"otp", testotp.Code(t, seed, h.Clock.Now()), "enable_2fa", "on"}).
		leads("/auth/account/factors?done=factor_added")
	page = b.get("/account/factors?done=factor_added").want(http.StatusOK).says("Phone", "Authenticator app", "10 recovery codes left", "not shown again")
	if n := len(recoveryCode.FindAllString(page.body, -1)); n != 10 {
		t.Errorf("%d codes in\n%s", n, page.body)
	}
	if again := b.get("/account/factors").want(http.StatusOK); recoveryCode.MatchString(again.body) {
		t.Error("the codes are shown twice")
	}
	b.get("/account/2fa").want(http.StatusOK).says("It is on")

	owner, err := h.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		t.Fatal(err)
	}
	all, err := h.Factors.List(t.Context(), owner.ID)
	if err != nil || len(all) != 2 {
		t.Fatalf("%v (%v)", all, err)
	}
	id := all[0].ID.String()
	b.post("/account/factors", []string{"id", id, "name", "Old phone"}).leads("/auth/account/factors?done=renamed")
	b.get("/account/factors?rename=" + id).want(http.StatusOK).says("Old phone")
	b.get("/account/factors/remove?id=" + id).want(http.StatusOK).says("Remove “Old phone”?")
	b.get("/account/factors/remove").leads("/auth/account/factors")
	b.post("/account/factors/remove", []string{"id", id}).want(http.StatusForbidden).says("enter your password and a code")
	b.post("/account/factors/remove", []string{"id", id, "password", testflow.Password, "proof_otp", ""}).want(http.StatusForbidden).says("enter your password and a code")
	b.post("/account/factors/remove", []string{"id", id, "password", testflow.Password, "proof_otp", "000000x"}).want(http.StatusBadRequest).
		says("Enter the one that your app shows now").silent("ask for a new one")
	both := func() []string {
		h.Clock.Advance(time.Minute) // a code of the app is good once
		return []string{"password", testflow.Password, "proof_otp", testotp.Code(t, seed, h.Clock.Now())}
	}
	b.post("/account/factors/remove", append(both(), "id", id)).want(http.StatusConflict).says("last second factor")
	b.post("/account/2fa", []string{"do", "off"}).want(http.StatusForbidden)
	b.post("/account/2fa", append(both(), "do", "off")).leads("/auth/account/2fa?done=mfa_off")
	b.post("/account/factors/remove", []string{"id", id, "password", testflow.Password}).leads("/auth/account/factors?done=factor_removed")
	b.get("/account/factors?done=factor_removed").want(http.StatusOK).says("has been removed").silent("Old phone")
}

func TestMFAPage(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account/2fa").want(http.StatusOK).says("It is off", "your verified e-mail address becomes one")
	b.mailed()
	b.post("/account/2fa", []string{"do", "x"}).want(http.StatusBadRequest)
	b.post("/account/2fa", []string{"do", "on"}).leads("/auth/account/2fa?done=mfa_on")
	page := b.get("/account/2fa?done=mfa_on").want(http.StatusOK)
	codes := recoveryCode.FindAllString(page.body, -1)
	if len(codes) != 10 {
		t.Fatalf("got\n%s", page.body)
	}
	by := func(i int) []string { // the sign-in was by less than one needs now
		return []string{"password", testflow.Password, "proof_otp", strings.TrimSuffix(strings.TrimPrefix(codes[i], "<code>"), "</code>")}
	}
	b.post("/account/factors/add", []string{"type", "email", "email", "box@example.com"}).want(http.StatusForbidden).
		says("enter your password and a code", "/auth/reauthenticate", "Confirm it another way") // the mailbox is a factor, and no code of it fits in the form
	b.post("/account/factors/add", append(by(0), "type", "email", "email", "box@example.com")).leads("/auth/account/factors/confirm")
	b.get("/account/factors/confirm").want(http.StatusOK).says("box@example.com").noField("enable_2fa")
	b.post("/account/factors/confirm", []string{"otp", h.Mail(t, "box@example.com", authcore.MailFactorCode).Code}).leads("/auth/account/factors?done=factor_added")
	b.post("/account/factors/add", append(by(1), "type", "totp")).leads("/auth/account/factors/confirm")
	seed := seedShown(t, b.get("/account/factors/confirm"))
	b.post("/account/factors/confirm", []string{"otp", testotp.Code(t, seed, h.Clock.Now())}).leads("/auth/account/factors?done=factor_added")
	b.get("/account/2fa").want(http.StatusOK).says("Asked for first")
	b.post("/account/2fa", append(by(3), "do", "prefer", "preferred", "totp")).leads("/auth/account/2fa?done=mfa_preferred")
	b.post("/account/2fa", append(by(4), "do", "prefer", "preferred", "")).leads("/auth/account/2fa?done=mfa_preferred")
	b.post("/account/2fa", append(by(5), "do", "prefer", "preferred", "sms")).want(http.StatusUnprocessableEntity)
	b.post("/account/factors/add", append(by(2), "type", "recovery")).leads("/auth/account/factors?done=codes_made")
	if page := b.get("/account/factors?done=codes_made").want(http.StatusOK); len(recoveryCode.FindAllString(page.body, -1)) != 10 {
		t.Errorf("got\n%s", page.body)
	}
	b.get("/account").want(http.StatusOK).silent("recovery codes are left")
}
