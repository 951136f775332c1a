package httpapi_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// A new account has no password; its owner alone gets the link that sets one and proves the address.
func TestAdmin_MakesAccounts(t *testing.T) {
	h := open(t)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	h.post("/admin/users", `{"email":"new@example.com"}`, asAuditor).refused(403, authcore.Forbidden)
	h.post("/admin/users", `{"email":"new@example.com","password":"`+password+`"}`, asAdmin).refused(422, authcore.InvalidFields)
	h.post("/admin/users", `{"email":"new@example.com","password":null}`, asAdmin).refused(422, authcore.InvalidFields)
	for _, bad := range []string{`{}`, `{"email":"x"}`, `{"username":"admin"}`, `{"email":"new@example.com","roles":["X"]}`, `{"username":"robot","kind":"thing"}`,
		`{"kind":"service"}`, `{"kind":"service","username":"robot","email":"robot@example.com"}`} {
		h.post("/admin/users", bad, asAdmin).refused(422, authcore.InvalidFields)
	}
	made := h.post("/admin/users", `{"email":"New@example.com","first_name":"Nell","roles":["staff"]}`, asAdmin).want(201)
	got := made.fields()
	if made.header.Get("Location") != "/auth/admin/users/"+got["id"].(string) || got["email_verified"] != false || got["password_set"] != false || strings.Contains(string(made.body), "token") {
		t.Errorf("made %s, %v", made.body, made.header)
	}
	if sent := h.Mails(t, "new@example.com"); len(sent) != 1 || sent[0].Kind != authcore.MailAccountCreated || sent[0].To != "new@example.com" {
		t.Fatalf("sent %+v", sent)
	}
	h.post("/admin/users", `{"email":"new@example.com"}`, asAdmin).refused(409, authcore.Conflict)
	token := testflow.Token(t, h.Mail(t, "new@example.com", authcore.MailAccountCreated))
	h.post("/password/reset", `{"token":"`+token+`","new_password":"`+password+`"}`).want(204)
	if in := h.signIn("new@example.com"); in.User.Email != "new@example.com" {
		t.Errorf("signed in as %+v", in)
	}
	if now := h.call(http.MethodGet, made.header.Get("Location")[len("/auth"):], "", asAdmin).want(200).fields(); now["email_verified"] != true {
		t.Errorf("the link did not prove the address: %v", now)
	}
	robot := h.post("/admin/users", `{"username":"robot","kind":"service","send":true}`, asAdmin).want(201).fields()
	if robot["kind"] != "service" || robot["email"] != "" {
		t.Errorf("made %v", robot)
	}
	h.post("/admin/users/"+robot["id"].(string)+"/password/reset", "", asAdmin).refused(409, authcore.Conflict)
	if told := h.adminEvents(uuid.MustParse(got["id"].(string))); len(told) != 2 || told[0].Kind != authcore.EventAdminUsersCreate || !strings.Contains(told[0].Details, `"new":["staff"]`) {
		t.Errorf("told %+v", told)
	}
}

// Each change, what it must not do, and the event that tells of it with old and new values.
func TestAdmin_ChangesAccounts(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	boss, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	path, own := "/admin/users/"+user.ID.String(), "/admin/users/"+boss.ID.String()
	patch := func(path, body string, changes ...change) answer {
		t.Helper()
		return h.call(http.MethodPatch, path, body, append(changes, asAdmin)...)
	}
	for _, as := range []change{asUser, asAuditor} { // a lower role touches nobody
		for _, at := range []string{path, own} {
			h.call(http.MethodPatch, at, `{"first_name":"X"}`, as).refused(403, authcore.Forbidden)
			h.call(http.MethodDelete, at, "", as).refused(403, authcore.Forbidden)
			h.call(http.MethodPut, at+"/roles/admin", "", as).refused(403, authcore.Forbidden)
		}
	}
	patch(path, `{"password":"`+password+`"}`).refused(422, authcore.InvalidFields)
	tag := h.call(http.MethodGet, path, "", asAdmin).want(200).header.Get("ETag")
	changed := patch(path, `{"first_name":"Augusta","username":"augusta","roles":["staff"],"disabled_reason":"on leave"}`, header("If-Match", `"x", `+tag)).want(200)
	if got := changed.fields(); got["first_name"] != "Augusta" || got["username"] != "augusta" || got["disabled_reason"] != "on leave" {
		t.Errorf("changed %s", changed.body)
	}
	patch(path, `{"first_name":"X"}`, header("If-Match", tag)).refused(412, authcore.PreconditionFailed)
	patch(path, `{}`, header("If-Match", "*")).want(200)
	h.call(http.MethodPut, path, `{"username":"augusta"}`, asAdmin).refused(422, authcore.InvalidFields)
	put := h.call(http.MethodPut, path, `{"username":"augusta","roles":[],"disabled":false}`, asAdmin).want(200).fields()
	if put["first_name"] != "" || len(put["roles"].([]any)) != 0 || put["disabled_reason"] != nil {
		t.Errorf("replaced %v", put)
	}
	patch(path, `{"username":"boss.one"}`).refused(409, authcore.Conflict)
	for _, body := range []string{`{"roles":["staff"]}`, `{"disabled":true}`} {
		patch(own, body).refused(403, authcore.Forbidden)
	}
	h.call(http.MethodDelete, own, "", asAdmin).refused(403, authcore.Forbidden)
	h.call(http.MethodDelete, own+"/roles/admin", "", asAdmin).refused(403, authcore.Forbidden)
	for _, method := range []string{http.MethodPut, http.MethodPut, http.MethodDelete, http.MethodDelete} {
		h.call(method, path+"/roles/staff", "", asAdmin).want(204)
	}
	h.call(http.MethodPut, path+"/roles/Staff", "", asAdmin).refused(422, authcore.InvalidFields)
	var details []string
	for _, e := range h.adminEvents(user.ID) {
		details = append(details, e.Details)
	}
	if !slices.ContainsFunc(details, func(d string) bool {
		return strings.Contains(d, `"first_name":{"old":"Ada","new":"Augusta"}`) && strings.Contains(d, `"roles":{"old":null,"new":["staff"]}`)
	}) {
		t.Errorf("told %q", details)
	}
	// A sign-in of a while ago reads, and changes nothing.
	old := h.signIn("boss.one")
	h.Clock.Advance(11 * time.Minute)
	stale := bearer(h.post("/refresh", `{"refresh_token":"`+old.RefreshToken+`"}`).pair().AccessToken)
	h.call(http.MethodPatch, path, `{"first_name":"X"}`, stale).refused(403, authcore.ReauthenticationRequired)
	h.call(http.MethodGet, path, "", stale).want(200)
}

// TestS08_DisabledByAnAdministrator: sessions, tokens, codes and links of the account end with the call; nobody gets in until it is enabled.
func TestS08_DisabledByAnAdministrator(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	path := "/admin/users/" + user.ID.String()
	h.post("/password/forgot", `{"login":"user.one@example.com"}`).want(202)
	reset := testflow.Token(t, h.Mail(t, "user.one@example.com", authcore.MailReset))
	h.call(http.MethodPatch, path, `{"disabled":true,"disabled_reason":"fraud"}`, asAdmin).want(200)
	h.call(http.MethodGet, "/me", "", asUser).refused(401, authcore.InvalidToken)
	h.post("/login", `{"login":"user.one","password":"`+password+`"}`).refused(401, authcore.InvalidCredentials)
	h.post("/password/reset", `{"token":"`+reset+`","new_password":"`+password2+`"}`).refused(400, authcore.InvalidCode)
	h.call(http.MethodPatch, path, `{"disabled":false}`, asAdmin).want(200)
	h.call(http.MethodGet, "/me", "", asUser).refused(401, authcore.InvalidToken)
	h.signIn("user.one")
	h.call(http.MethodPatch, path, `{"disabled":true}`, asAdmin).want(200)
	h.call(http.MethodDelete, path, "", asAdmin).want(204)
	h.call(http.MethodGet, path, "", asAdmin).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, path, "", asAdmin).refused(404, authcore.NotFound)
	if told := h.adminEvents(uuid.Nil); !slices.ContainsFunc(told, func(e authcore.Event) bool {
		return e.Kind == authcore.EventAdminUsersDelete && e.Details == `{"number":1}` && e.Result == "success"
	}) {
		t.Errorf("told %+v", told)
	}
}

// The last administrator stays, whoever asks and by whatever call.
func TestAdmin_LastOneStays(t *testing.T) {
	h := open(t)
	one, asOne := h.withRoles("boss.one", authcore.RoleAdmin)
	two, asTwo := h.withRoles("boss.two", authcore.RoleAdmin)
	var all sync.WaitGroup
	codes := make([]int, 2)
	for i, c := range []struct {
		target uuid.UUID
		as     change
	}{{two.ID, asOne}, {one.ID, asTwo}} {
		all.Go(func() {
			codes[i] = h.call(http.MethodPatch, "/admin/users/"+c.target.String(), `{"disabled":true}`, c.as).status
		})
	}
	all.Wait()
	slices.Sort(codes)
	if !slices.Equal(codes, []int{200, 409}) && !slices.Equal(codes, []int{200, 401}) { // 401: the other had come and gone before it was asked who calls
		t.Fatalf("answered %v", codes)
	}
	left := "boss.one"
	if h.post("/login", `{"login":"boss.one","password":"`+password+`"}`).status != 200 {
		left = "boss.two"
	}
	h.call(http.MethodDelete, "/me", "", bearer(h.signIn(left).AccessToken)).refused(409, authcore.LastAdmin)
}

// What an administrator does for somebody who cannot get in.
func TestAdmin_Helps(t *testing.T) {
	h := open(t)
	user, asUser := h.withRoles("user.one")
	_, asAdmin := h.withRoles("boss.one", authcore.RoleAdmin)
	path := "/admin/users/" + user.ID.String()
	for range 6 {
		h.post("/login", `{"login":"user.one","password":"wrong wrong wrong 1"}`)
	}
	h.post("/login", `{"login":"user.one","password":"`+password+`"}`).refused(429, authcore.AccountLocked)
	if got := h.call(http.MethodGet, path, "", asAdmin).want(200).fields(); got["locked_until"] == nil {
		t.Errorf("got %v", got)
	}
	locked := func(query string, want ...string) {
		t.Helper()
		got := h.call(http.MethodGet, "/admin/users?sort=email&count=true&limit=1&"+query, "", asAdmin).want(200).fields()
		var names []string
		for _, u := range got["users"].([]any) {
			names = append(names, u.(map[string]any)["username"].(string))
		}
		if !slices.Equal(names, want) || got["total"] != float64(len(want)) || got["next"] != nil {
			t.Errorf("%s: %v", query, got)
		}
	}
	locked("locked=true", "user.one")
	locked("locked=false", "boss.one")
	locked("locked=true&role=admin")
	h.call(http.MethodGet, "/admin/users?locked=x", "", asAdmin).refused(400, authcore.InvalidRequest)
	h.post(path+"/unlock", "", asAdmin).want(204)
	locked("locked=true")
	h.signIn("user.one")
	h.post(path+"/password/reset", "", asAdmin).want(202)
	h.Mail(t, "user.one@example.com", authcore.MailReset)
	h.post(path+"/verification", "", asAdmin).refused(409, authcore.Conflict)
	waiting := h.post("/admin/users", `{"email":"waits@example.com","send":false}`, asAdmin).want(201).fields()["id"].(string)
	h.post("/admin/users/"+waiting+"/verification", "", asAdmin).want(202)
	h.Mail(t, "waits@example.com", authcore.MailVerify)
	live := h.call(http.MethodGet, path+"/sessions", "", asAdmin).want(200).fields()["sessions"].([]any)
	if len(live) != 2 {
		t.Errorf("sessions %v", live)
	}
	h.post(path+"/sessions/revoke", `{}`, asAdmin).refused(422, authcore.InvalidFields)
	if n := h.post(path+"/sessions/revoke", `{"all":true}`, asAdmin).want(200).fields()["revoked"]; n != 2.0 {
		t.Errorf("ended %v", n)
	}
	h.call(http.MethodGet, "/me", "", asUser).refused(401, authcore.InvalidToken)
	h.call(http.MethodGet, path+"/factors", "", asAdmin).want(200)
	h.call(http.MethodDelete, path+"/factors/"+uuid.NewString(), "", asAdmin).refused(404, authcore.NotFound)
	h.call(http.MethodDelete, path+"/factors/x", "", asAdmin).refused(404, authcore.NotFound)
	last := h.EmailFactor(t, user.ID)
	was := must(h.Store.FactorState(t.Context(), user.ID, h.Clock.Now()))(t)
	app := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: user.ID, Type: authcore.FactorTOTP, CreatedAt: h.Clock.Now(), ConfirmedAt: h.Clock.Now()}
	if err := h.Store.ChangeFactors(t.Context(), factor.Change{Was: was, Add: []authcore.Factor{app}, Now: h.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	h.call(http.MethodDelete, path+"/factors/"+app.ID.String(), "", asAdmin).want(204)
	h.Mail(t, "user.one@example.com", authcore.MailFactorRemoved)
	// The last one too: it may be the one that was lost. Sign-ins still ask for a second factor, and lead to a new one.
	h.call(http.MethodDelete, path+"/factors/"+last.ID.String(), "", asAdmin).want(204)
	p := h.post("/login", `{"login":"user.one","password":"`+password+`"}`).pendingAt("email")
	code := h.Mail(t, "user.one@example.com", authcore.MailSecondFactorCode).Code
	h.post("/login/mfa", `{"mfa_token":"`+p.MFAToken+`","method":"email","code":"`+code+`"}`).want(200).pair()
}
