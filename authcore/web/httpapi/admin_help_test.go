package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// An administrator has one account owe a second factor: its owner is told, cannot switch it off, and the next sign-in asks for it. The
// same call alone lifts it.
func TestAdmin_DemandsASecondFactor(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	path, told := "/admin/users/"+user.ID.String()+"/2fa", "user.one@example.com"
	for _, as := range []change{asUser, asAuditor} {
		h.call(http.MethodPut, path, "", as).refused(403, authcore.Forbidden)
		h.call(http.MethodDelete, path, "", as).refused(403, authcore.Forbidden)
	}
	h.call(http.MethodPut, "/admin/users/"+uuid.NewString()+"/2fa", "", asAdmin).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, path, "", asAdmin).want(204) // it is so already: nobody is told
	for range 2 {
		h.call(http.MethodPut, path, "", asAdmin).want(204)
	}
	if mails := h.Mails(t, told); len(mails) != 1 || mails[0].Kind != authcore.MailMFARequired {
		t.Fatalf("told %+v", mails)
	}
	if state := h.call(http.MethodGet, "/2fa", "", asUser).want(200).fields(); state["enabled"] != false || state["required"] != true || state["required_by"] != "account" {
		t.Errorf("state %v", state)
	}
	h.call(http.MethodDelete, "/2fa", "", asUser).refused(403, authcore.MFARequired)
	var waits pending
	login := `{"login":"user.one","password":"` + password + `"}`
	if h.post("/login", login).want(200).into(&waits); !waits.MFARequired || waits.AccessToken != "" {
		t.Fatalf("signed in by one kind of proof: %+v", waits)
	}
	h.call(http.MethodDelete, path, "", asAdmin).want(204)
	h.Mail(t, told, authcore.MailMFAReleased)
	h.signIn("user.one")

	// The link that tells of it takes nothing back: it is not the owner's to lift.
	h.Clock.Advance(time.Minute)
	h.call(http.MethodPut, path, "", asAdmin).want(204)
	link := testflow.Token(t, h.Mail(t, told, authcore.MailMFARequired))
	h.post("/secure", `{"token":"`+link+`"}`)
	if now, err := h.Store.AccountByID(t.Context(), user.ID); err != nil || !now.MFADemanded() {
		t.Errorf("the owner has lifted it: %+v (%v)", now, err)
	}
	// Nor does the disabling of the account stand in its way.
	h.call(http.MethodPatch, "/admin/users/"+user.ID.String(), `{"disabled":true}`, asAdmin).want(200)
	h.call(http.MethodDelete, path, "", asAdmin).want(204)
}
