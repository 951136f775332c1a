package portal_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestInvitation(t *testing.T) {
	h := open(t, plan{signup: signup.Invite})
	b := h.browser()
	b.get("/register").says("You need an invitation")
	b.get("/invitation").want(http.StatusOK).says("This invitation is missing")
	b.get("/invitation?token=wrong").leads("/auth/invitation")
	b.post("/invitation", nil).want(http.StatusBadRequest).says("This invitation is missing")
	if _, err := h.Invite.CreateAsOperator(t.Context(), invite.Input{Email: email, Client: testflow.Client()}); err != nil {
		t.Fatal(err)
	}
	b.get("/invitation?token=" + testflow.Token(t, h.Mail(t, email, authcore.MailInvitation))).leads("/auth/invitation")
	b.get("/invitation").want(http.StatusOK).says("Nothing has happened yet")
	b.post("/invitation", nil).leads("/auth/register")
	b.get("/register").want(http.StatusOK)
	b.post("/register", []string{"email", "eve@example.com", "password", testflow.Password}).want(http.StatusBadRequest).says("is for another address")
	b.post("/register", []string{"email", email, "password", testflow.Password}).leads("/auth/login?done=registered")
	if _, err := h.TrySignIn(t, email, testflow.Password); err != nil {
		t.Error(err)
	}
}
