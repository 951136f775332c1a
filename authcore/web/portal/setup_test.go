package portal_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// The link is looked at by nothing but the form; a wrong one is said, and a used one leads to what helps.
func TestSetup(t *testing.T) {
	h := open(t)
	b := h.browser()
	b.get("/setup").want(http.StatusOK).says("There is nothing to set up", "gatehouse user setup-link")
	link, err := setup.NewLink(t.Context(), h.Store, h.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	b.get("/setup?token=wrong").leads("/auth/setup")
	b.post("/setup", []string{"email", email, "password", testflow.Password}).want(http.StatusBadRequest).says("There is nothing to set up")
	b.get("/setup?token=" + link.Token).leads("/auth/setup")
	b.get("/setup").want(http.StatusOK).says("Make the first account")
	b.post("/setup", []string{"email", email, "password", "short"}).want(http.StatusUnprocessableEntity).says("Make the first account")
	b.post("/setup", []string{"email", email, "password", testflow.Password, "username", "chief"}).leads("/auth/account?done=setup")
	b.get("/account?done=setup").want(http.StatusOK).says("You are the administrator", email)
	b.get("/setup").want(http.StatusOK).says("There is nothing to set up")
}
