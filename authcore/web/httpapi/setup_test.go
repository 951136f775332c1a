package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/setup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestSetup(t *testing.T) {
	h := open(t)
	body := func(token, more string) string {
		return `{"token":"` + token + `","email":"ops@example.com","password":"` + testflow.Password + `"` + more + `}`
	}
	h.call(http.MethodPost, "/setup", body("x", "")).refused(404, authcore.NotFound)
	link, err := setup.NewLink(t.Context(), h.Store, h.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodPost, "/setup", body("x", "")).refused(400, authcore.InvalidCode)
	h.call(http.MethodPost, "/setup", `{"token":"`+link.Token+`","email":"ops"}`).refused(422, authcore.InvalidFields)
	h.call(http.MethodPost, "/setup", body(link.Token, `,"username":"chief"`)).want(201)
	h.call(http.MethodPost, "/setup", body(link.Token, "")).refused(404, authcore.NotFound)
	again, err := setup.NewLink(t.Context(), h.Store, h.Clock.Now)
	if err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodPost, "/setup", body(again.Token, "")).refused(409, authcore.Conflict)
}
