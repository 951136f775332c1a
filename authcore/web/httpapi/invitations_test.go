package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func TestInvitations(t *testing.T) {
	h := open(t)
	chief, other := h.Person(t, signup.RegisterInput{Email: "chief@example.com"}), h.Person(t, signup.RegisterInput{Email: "other@example.com"})
	h.call(http.MethodPost, "/invitations", "", bearer(other.Access)).refused(403, authcore.Forbidden)
	h.call(http.MethodPost, "/invitations", `{}`).refused(401, authcore.AuthenticationRequired)
	_, err := h.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: chief.Account.ID, Add: []string{authcore.RoleAdmin}, Now: h.Clock.Now()})
	if err != nil {
		t.Fatal(err)
	}
	token := bearer(h.post("/login", `{"login":"chief@example.com","password":"`+testflow.Password+`"}`).pair().AccessToken)
	h.call(http.MethodPost, "/invitations", `{"roles":["admin"]}`, token).refused(422, authcore.InvalidFields)
	h.call(http.MethodPost, "/invitations", `{"email":"nobody"}`, token).refused(422, authcore.InvalidFields)
	bound := h.call(http.MethodPost, "/invitations", `{"email":"new@example.com","roles":["staff"]}`, token).want(201)
	if text(bound, "token") != "" || text(bound, "email") != "new@example.com" {
		t.Errorf("answered %s", bound.body)
	}
	free := h.call(http.MethodPost, "/invitations", "", token).want(201)
	if text(free, "token") == "" || text(free, "url") == "" {
		t.Errorf("answered %s", free.body)
	}
	h.call(http.MethodPost, "/invitations/"+text(bound, "id")+"/resend", "", token).want(202)
	h.call(http.MethodPost, "/invitations/"+text(free, "id")+"/resend", "", token).refused(404, authcore.NotFound)
	h.call(http.MethodPost, "/invitations/x/resend", "", token).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/invitations/"+text(free, "id"), "", token).want(204)
	h.call(http.MethodDelete, "/invitations/"+text(free, "id"), "", token).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, "/invitations/"+uuid.NewString(), "", token).refused(404, authcore.NotFound)
	h.call(http.MethodGet, "/invitations?limit=1", "", token).want(200)
	h.call(http.MethodGet, "/invitations?all", "", token).want(200)
	h.call(http.MethodGet, "/invitations?all", "", bearer(other.Access)).refused(403, authcore.Forbidden)
	if told := h.adminEvents(uuid.Nil); len(told) != 2 || told[1].Result != string(authcore.Forbidden) || told[0].Kind != authcore.EventAdminInvitationsList || told[0].ActorID != chief.Account.ID {
		t.Errorf("the list of all is told by %+v", told)
	}
	h.call(http.MethodGet, "/invitations?cursor=forged", "", token).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/invitations?limit=0", "", token).refused(400, authcore.InvalidRequest)
	mail := testflow.Token(t, h.Mail(t, "new@example.com", authcore.MailInvitation))
	h.call(http.MethodPost, "/register", `{"invitation":"`+mail+`","email":"eve@example.com","password":"`+testflow.Password+`"}`).refused(400, authcore.InvalidInvitation)
	h.call(http.MethodPost, "/register", `{"invitation":"`+mail+`","password":"`+testflow.Password+`"}`).want(201)
	h.call(http.MethodPost, "/register", `{"invitation":"`+mail+`","password":"`+testflow.Password+`"}`).refused(400, authcore.InvalidInvitation)
}

func text(a answer, field string) string {
	value, _ := a.fields()[field].(string)
	return value
}
