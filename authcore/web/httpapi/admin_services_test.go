package httpapi_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/passwordless"
)

// A service has a name and roles. Nothing gives it an address, a password or a sign-in later: by each path it could come.
func TestService_GetsNoWayIn(t *testing.T) {
	h := open(t, plan{ways: passwordless.Ways{Code: true, Link: true}, provider: true})
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	made := h.post("/admin/users", `{"username":"robot","kind":"service","roles":["staff"]}`, asAdmin).want(201).fields()
	id := made["id"].(string)
	path := "/admin/users/" + id
	for _, c := range []struct {
		method, path, body string
		status             int
		code               authcore.Code
	}{
		{http.MethodPatch, path, `{"email":"robot@example.com"}`, 422, authcore.InvalidFields},
		{http.MethodPatch, path, `{"phone":"+4366412345678"}`, 422, authcore.InvalidFields},
		{http.MethodPut, path, `{"username":"robot","email":"robot@example.com","roles":[],"disabled":false}`, 422, authcore.InvalidFields},
		{http.MethodPatch, path, `{"username":null}`, 422, authcore.InvalidFields},
		{http.MethodPatch, path, `{"password":"` + password + `"}`, 422, authcore.InvalidFields},
		{http.MethodPatch, path, `{"kind":"person"}`, 200, ""}, // it says nothing
		{http.MethodPost, path + "/password/reset", "", 409, authcore.Conflict},
		{http.MethodPost, path + "/verification", "", 409, authcore.Conflict},
		{http.MethodDelete, path + "/factors/" + uuid.NewString(), "", 404, authcore.NotFound},
		{http.MethodPost, "/admin/users", `{"username":"robot2","kind":"service","phone":"+4366412345678"}`, 422, authcore.InvalidFields},
		{http.MethodPost, "/login", `{"login":"robot","password":"` + password + `"}`, 401, authcore.InvalidCredentials},
		{http.MethodPost, "/otp/verify", `{"login":"robot","otp":"123456"}`, 400, authcore.InvalidCode},
		{http.MethodPost, "/password/reset", `{"login":"robot","otp":"123456","new_password":"` + password2 + `"}`, 400, authcore.InvalidCode},
		{http.MethodPost, "/register", `{"email":"robot@example.com","username":"robot","password":"` + password + `"}`, 422, authcore.InvalidFields},
	} {
		if answer := h.call(c.method, c.path, c.body, asAdmin).want(c.status); c.code != "" {
			answer.refused(c.status, c.code)
		}
	}
	for _, ask := range []string{"/password/forgot", "/otp"} {
		h.post(ask, `{"login":"robot"}`).want(202) // as to nobody
	}
	h.call(http.MethodPut, path+"/2fa", "", asAdmin).want(204) // owed, and asked for by nothing
	// Whoever proves an address, by a provider or an invitation, gets an account of their own.
	h.idp.User = map[string]any{"sub": "robot", "email": "robot@example.com", "email_verified": true, "preferred_username": "robot"}
	h.post("/social/acme/token", h.idToken("")).want(200)
	h.post("/admin/users", `{"email":"robot@example.com"}`, asAdmin)
	now := h.call(http.MethodGet, path, "", asAdmin).want(200).fields()
	if now["email"] != "" || now["phone"] != "" || now["password_set"] != false || now["username"] != "robot" || now["kind"] != "service" || now["sessions"] != 0.0 || now["last_sign_in_at"] != nil {
		t.Errorf("the service is %v", now)
	}
	if a := must(h.Store.AccountByID(t.Context(), uuid.MustParse(id)))(t); a.Email != "" || a.PasswordHash != "" || a.PendingEmail != "" {
		t.Errorf("the service has %+v", a)
	}
	if connected := must(h.Store.AccountConnections(t.Context(), uuid.MustParse(id)))(t); len(connected) > 0 {
		t.Errorf("connected with %v", connected)
	}
}
