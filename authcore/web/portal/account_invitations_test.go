package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

func TestAccount_Invitations(t *testing.T) {
	const path = "/account/invitations"
	h := open(t, plan{inviters: authcore.Inviters{Everybody: true}})
	b := h.browser().person()
	b.get("/account").want(http.StatusOK).says("Invitations")
	b.get(path).want(http.StatusOK).says("You have not invited anybody yet", "Invite somebody").noField("roles").noField("phone")

	b.post(path, []string{"email", "no address"}).want(http.StatusUnprocessableEntity).says("no address")
	b.post(path, []string{"email", "carl@example.com"}).leads("/auth/account/invitations?done=invited")
	h.Mail(t, "carl@example.com", authcore.MailInvitation)
	b.get(path+"?done=invited").want(http.StatusOK).says("is on its way", "carl@example.com", "Open").silent("?token=")

	// The link that is bound to nobody is shown once.
	b.post(path, []string{"email", ""}).leads("/auth/account/invitations?done=invitation_made")
	shown := b.get(path + "?done=invitation_made").want(http.StatusOK)
	_, rest, found := strings.Cut(shown.body, "/auth/invitation?token=")
	token, _, _ := strings.Cut(rest, `"`)
	if _, err := h.Invite.Find(t.Context(), token); !found || err != nil {
		t.Fatalf("the link is good for nothing (%v):\n%s", err, shown.body)
	}
	b.get(path).want(http.StatusOK).silent("?token=", token)

	list, err := h.Invite.ListAll(t.Context())
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v (%v)", list, err)
	}
	unbound, bound := list[0].ID.String(), list[1].ID.String()
	h.Clock.Advance(time.Minute)
	b.post(path, []string{"again", bound}).leads("/auth/account/invitations?done=invited")
	b.post(path, []string{"again", unbound}).want(http.StatusNotFound)
	b.post(path+"/revoke", []string{"revoke", unbound}).leads("/auth/account/invitations?done=invitation_revoked")
	b.post(path+"/revoke", []string{"revoke", unbound}).want(http.StatusNotFound).says("Revoked")
	b.post(path+"/revoke", []string{"revoke", "x"}).want(http.StatusNotFound)
	b.post(path, []string{"email", "dora@example.com", "roles", "staff"}).want(http.StatusForbidden)
	if _, err := h.Invite.Find(t.Context(), token); err == nil {
		t.Error("a revoked invitation is good")
	}
}

// Who may not invite finds neither page nor line.
func TestAccount_InvitationsAreForInviters(t *testing.T) {
	h := open(t)
	b := h.browser().person()
	b.get("/account").want(http.StatusOK).silent("/account/invitations")
	b.get("/account/invitations").want(http.StatusForbidden)
	b.post("/account/invitations", []string{"email", "carl@example.com"}).want(http.StatusForbidden)
}
