package devjournal_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/devjournal"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const (
	base  = "/api/auth"
	email = "ada@example.com"
	right = "username=ada&password=" + testflow.Password
	other = "a long way to somewhere"
	ada   = `{"username":"Ada","email":"ada@example.com","password":"` + testflow.Password + `"}`
)

func serve(t *testing.T, o testflow.Options) *testdialect.Env {
	t.Helper()
	if o.Mode == "" && o.ModeNow == nil {
		o.Mode = signup.Verified
	}
	return testdialect.New(t, devjournal.New(), testdialect.Options{Options: o})
}

// served has ada registered and proven.
func served(t *testing.T, o testflow.Options) *testdialect.Env {
	t.Helper()
	e := serve(t, o)
	e.Want(t, 201, "POST", base+"/register/", ada, "")
	e.Want(t, 200, "POST", base+"/verify/", "password="+testflow.Password+"&token="+link(t, e, authcore.MailVerify), "")
	return e
}

func link(t *testing.T, e *testdialect.Env, kind authcore.MailKind) string {
	t.Helper()
	return testflow.Token(t, e.Mail(t, email, kind))
}

func signIn(t *testing.T, e *testdialect.Env, body string) (token string) {
	t.Helper()
	says := e.Want(t, 200, "POST", base+"/login/", body, "")
	if len(says) != 1 {
		t.Errorf("login said %v", says)
	}
	return says["token"].(string)
}

func account(t *testing.T, e *testdialect.Env) authcore.Account {
	t.Helper()
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: email})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func sessions(t *testing.T, e *testdialect.Env) []authcore.Session {
	t.Helper()
	all, err := e.Sessions.List(t.Context(), account(t, e).ID)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// says wants one answer, whole.
func says(t *testing.T, e *testdialect.Env, status int, want, method, path, body, authorization string) {
	t.Helper()
	w := e.Call(method, base+path, body, authorization)
	if w.Code != status || w.Body.String() != want {
		t.Errorf("%s %s %s answered %d %s, want %d %s", method, path, body, w.Code, w.Body, status, want)
	}
}

// dead wants a token refused at the dialect's calls, at guards and by whoever asks about it.
func dead(t *testing.T, e *testdialect.Env, token string) {
	t.Helper()
	says(t, e, 401, `{"detail":"Invalid token."}`, "GET", "/user/", "", "Bearer "+token)
	for _, word := range []string{"Bearer ", "Token "} {
		if e.Admits(t, word+token, httpauth.Accept{Dialect: true}) {
			t.Error("a guard lets it in under", word)
		}
	}
	if about, err := e.Site.Inspect(t.Context(), token); about != nil || err != nil {
		t.Errorf("it is said to be %v, %v", about, err)
	}
}

// TestJournal is the flow diagram of the seed, call by call.
func TestJournal(t *testing.T) {
	t.Parallel()
	e := serve(t, testflow.Options{})
	says(t, e, 201, `{"id":1,"username":"ada","email":"ada@example.com"}`, "POST", "/register/", ada, "")
	says(t, e, 403, `{"detail":"Account is not activated."}`, "POST", "/login/", right, "")
	confirm := link(t, e, authcore.MailVerify)
	says(t, e, 200, `{}`, "POST", "/verify/", `{"token":"`+confirm+`","password":"`+testflow.Password+`"}`, "")
	if all := sessions(t, e); len(all) != 0 {
		t.Errorf("verify has signed in: %v", all)
	}
	says(t, e, 400, `{"token":["The token is invalid or has expired."]}`, "POST", "/verify/", `{"token":"`+confirm+`","password":"`+testflow.Password+`"}`, "")
	token := signIn(t, e, right)
	for _, word := range []string{"Bearer ", "Token ", "token "} {
		says(t, e, 200, `{"id":1,"username":"ada","email":"ada@example.com"}`, "GET", "/user/", "", word+token)
		if !e.Admits(t, word+token, httpauth.Accept{Dialect: true}) {
			t.Error("a guard refuses it under", word)
		}
	}
	says(t, e, 400, `{"old_password":["Your old password was entered incorrectly. Please enter it again."]}`, "POST", "/password/change/",
		`{"old_password":"wrong","new_password":"`+testflow.OtherPassword+`"}`, "Token "+token)
	e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+token)
	says(t, e, 200, `{}`, "POST", "/password/reset/", `{"email":"`+email+`"}`, "")
	reset := link(t, e, authcore.MailReset)
	says(t, e, 200, `{}`, "POST", "/password/reset/confirm/", `{"token":"`+reset+`","new_password":"`+testflow.OtherPassword+`"}`, "")
	says(t, e, 400, `{"token":["The token is invalid or has expired."]}`, "POST", "/password/reset/confirm/", `{"token":"`+reset+`","new_password":"`+testflow.OtherPassword+`"}`, "")
	dead(t, e, token)
	says(t, e, 400, `{"non_field_errors":["Unable to log in with provided credentials."]}`, "POST", "/login/", right, "")
	token = signIn(t, e, "username="+email+"&password="+testflow.OtherPassword)
	elsewhere := signIn(t, e, "username=ada&password="+testflow.OtherPassword)
	says(t, e, 204, "", "POST", "/logout/", "", "Token "+token)
	dead(t, e, token)
	e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+elsewhere)
	says(t, e, 401, `{"detail":"Invalid token."}`, "POST", "/logout/", "", "Bearer "+token)
	says(t, e, 200, `{}`, "POST", "/password/change/", `{"old_password":"`+testflow.OtherPassword+`","new_password":"`+testflow.Password+`"}`, "Bearer "+elsewhere)
	dead(t, e, elsewhere)
	signIn(t, e, right)
}

// TestToken: one token is one session, for as long as it lives. Nothing renews it, and it is in no one's cache of refresh tokens.
func TestToken(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	token := signIn(t, e, right)
	c, all := testdialect.Claims(t, token), sessions(t, e)
	if len(all) != 1 || c["sid"] != all[0].ID.String() || c["user_id"] != "1" || c["username"] != "ada" || c["exp"].(float64)-c["iat"].(float64) != 14*86400 {
		t.Errorf("the claims are %v, the sessions %v", c, all)
	}
	if all[0].Mode != authcore.ModeDialect || all[0].RefreshExpiresAt.Unix() != int64(c["exp"].(float64)) {
		t.Errorf("the session is %+v", all[0])
	}
	if h := testdialect.Header(t, token); h["alg"] != "HS256" {
		t.Errorf("the header is %v", h)
	}
	if about, err := e.Site.Inspect(t.Context(), token); err != nil || about["active"] != true || about["dialect"] != "dev_journal" || about["gh"] != nil {
		t.Errorf("it is said to be %v, %v", about, err)
	}
	e.Clock.Advance(14*24*time.Hour - time.Second)
	if err := e.Store.Sweep(t.Context(), e.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+token)
	if len(sessions(t, e)) != 1 {
		t.Error("the session has gone before its token")
	}
	e.Clock.Advance(time.Second)
	dead(t, e, token)
	if all := sessions(t, e); len(all) != 0 {
		t.Errorf("the session has outlived its token: %v", all)
	}
}

// TestS07_EndedLongAgo: what has ended stays so for as long as the token would have lived, also once the store has been swept.
func TestS07_EndedLongAgo(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(e *testdialect.Env, token string){
		"session": func(e *testdialect.Env, token string) {
			if n, err := e.Sessions.Revoke(t.Context(), account(t, e).ID, []uuid.UUID{sessions(t, e)[0].ID}, false, testflow.Client()); n != 1 || err != nil {
				t.Errorf("ended %d, %v", n, err)
			}
		},
		"password": func(e *testdialect.Env, token string) {
			says(t, e, 200, `{}`, "POST", "/password/change/", "old_password="+testflow.Password+"&new_password="+testflow.OtherPassword, "Bearer "+token)
		},
		"disabled": func(e *testdialect.Env, token string) {
			if _, err := e.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: account(t, e).ID, Disable: true, Now: e.Clock.Now()}); err != nil {
				t.Error(err)
			}
			says(t, e, 400, `{"non_field_errors":["Unable to log in with provided credentials."]}`, "POST", "/login/", right, "")
		},
		// A guard must not go by roles of before. Nothing renews the token, so its client signs in again.
		"roles": func(e *testdialect.Env, token string) {
			if _, err := e.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: account(t, e).ID, Add: []string{"editor"}, Now: e.Clock.Now()}); err != nil {
				t.Error(err)
			}
			e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+signIn(t, e, right))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := served(t, testflow.Options{})
			token := signIn(t, e, right)
			end(e, token)
			dead(t, e, token)
			e.Clock.Advance(14*24*time.Hour - time.Minute)
			if err := e.Store.Sweep(t.Context(), e.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			kept, err := e.Store.LiveRevocations(t.Context(), 0, e.Clock.Now())
			if err != nil || len(kept) == 0 {
				t.Errorf("a node that starts now knows of %v, %v", kept, err)
			}
			dead(t, e, token)
		})
	}
}

// TestLogin_NothingTells: whether an account exists shows to nobody who does not know its password.
func TestLogin_NothingTells(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	e.Want(t, 201, "POST", base+"/register/", `{"username":"bob","email":"bob@example.com","password":"`+testflow.Password+`"}`, "")
	for _, login := range []string{"ada", email, "bob", "bob@example.com", "nobody", "nobody@example.com"} {
		says(t, e, 400, `{"non_field_errors":["Unable to log in with provided credentials."]}`, "POST", "/login/", "username="+login+"&password=wrong", "")
	}
	for _, login := range []string{"bob", "bob@example.com"} {
		says(t, e, 403, `{"detail":"Account is not activated."}`, "POST", "/login/", "username="+login+"&password="+testflow.Password, "")
	}
	for _, address := range []string{email, "bob@example.com", "nobody@example.com"} {
		says(t, e, 200, `{}`, "POST", "/password/reset/", "email="+address, "")
	}
	// An address that has an account is answered as any other, but its owner is told.
	says(t, e, 201, `{"id":3,"username":"eve","email":"ada@example.com"}`, "POST", "/register/", `{"username":"eve","email":"ada@example.com","password":"`+testflow.Password+`"}`, "")
	e.Mail(t, email, authcore.MailAccountExists)
}

// TestVerify: the link alone gives nobody what somebody has registered.
func TestVerify(t *testing.T) {
	t.Parallel()
	e := serve(t, testflow.Options{})
	e.Want(t, 201, "POST", base+"/register/", ada, "")
	token := "token=" + link(t, e, authcore.MailVerify)
	for _, body := range []string{token, token + "&password=wrong", token + "&password="} {
		if said := e.Want(t, 403, "POST", base+"/verify/", body, ""); len(said) != 1 || said["detail"] == nil {
			t.Errorf("%s said %v", body, said)
		}
	}
	says(t, e, 400, `{"token":["The token is invalid or has expired."]}`, "POST", "/verify/", "token=junk&password="+testflow.Password, "")
	says(t, e, 400, `{"new_password":["This password is too short. It must contain at least 12 characters.","This password is too common."]}`, "POST", "/verify/", token+"&new_password=qz7", "")
	says(t, e, 403, `{"detail":"Account is not activated."}`, "POST", "/login/", right, "")
	says(t, e, 200, `{}`, "POST", "/verify/", token+"&new_password="+other, "")
	// Whoever planted the registration keeps nothing of it.
	says(t, e, 400, `{"non_field_errors":["Unable to log in with provided credentials."]}`, "POST", "/login/", right, "")
	says(t, e, 200, `{"id":2,"username":"","email":"ada@example.com"}`, "GET", "/user/", "", "Bearer "+signIn(t, e, "username="+email+"&password="+other))
	for _, ev := range e.Events() {
		if ev.Kind == authcore.EventSignedIn && ev.Method != "password" {
			t.Errorf("verify is in the history as a sign-in: %+v", ev)
		}
	}
}

// TestRegister_Modes: sign-up is the gateway's.
func TestRegister_Modes(t *testing.T) {
	t.Parallel()
	for _, mode := range []signup.Mode{signup.Closed, signup.Invite} {
		e := serve(t, testflow.Options{Mode: mode})
		if said := e.Want(t, 403, "POST", base+"/register/", ada, ""); len(said) != 1 || said["detail"] == nil {
			t.Errorf("%s: said %v", mode, said)
		}
	}
	e := serve(t, testflow.Options{Mode: signup.Open})
	e.Want(t, 201, "POST", base+"/register/", ada, "")
	token := signIn(t, e, right) // at once
	says(t, e, 400, `{"username":["A user with that username already exists."]}`, "POST", "/register/", strings.Replace(ada, email, "eve@example.com", 1), "")
	says(t, e, 400, `{"email":["user with this email address already exists."]}`, "POST", "/register/", strings.Replace(ada, "Ada", "eve", 1), "")
	confirm := link(t, e, authcore.MailVerify)
	e.Want(t, 403, "POST", base+"/verify/", "token="+confirm, "")
	says(t, e, 200, `{}`, "POST", "/verify/", "token="+confirm+"&password="+testflow.Password, "")
	if !account(t, e).EmailVerified() {
		t.Error("the address is not verified")
	}
	e.Want(t, 200, "GET", base+"/user/", "", "Bearer "+token)
}

// TestFields: bodies are checked as DRF does, in each of its kinds, at each path with and without its final slash.
func TestFields(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	token := "Bearer " + signIn(t, e, right)
	const required = `["This field is required."]`
	for path, want := range map[string]string{
		"/register":               `{"username":` + required + `,"email":` + required + `,"password":` + required + `}`,
		"/login":                  `{"username":` + required + `,"password":` + required + `}`,
		"/verify":                 `{"token":` + required + `}`,
		"/password/change":        `{"old_password":` + required + `,"new_password":` + required + `}`,
		"/password/reset":         `{"email":` + required + `}`,
		"/password/reset/confirm": `{"token":` + required + `,"new_password":` + required + `}`,
	} {
		for _, slash := range []string{"", "/"} {
			says(t, e, 400, want, "POST", path+slash, "{}", token)
			says(t, e, 405, `{"detail":"Method \"PUT\" not allowed."}`, "PUT", path+slash, "{}", token)
		}
		if w := e.Call("POST", base+path, "x", token, "Content-Type", "text/plain"); w.Code != 415 {
			t.Errorf("%s takes text: %d %s", path, w.Code, w.Body)
		}
		if said := e.Want(t, 400, "POST", base+path, `{"email"`, token); !strings.HasPrefix(fmt.Sprint(said["detail"]), "JSON parse error") {
			t.Errorf("%s said %v", path, said)
		}
	}
	says(t, e, 400, `{"email":["Enter a valid email address."]}`, "POST", "/password/reset/", "email=ada", "")
	says(t, e, 400, `{"username":["This field may not be blank."],"email":["This field may not be null."],"password":["Not a valid string."]}`, "POST", "/register/",
		`{"username":" ","email":null,"password":[]}`, "")
	says(t, e, 400, `{"password":["This password is too common."]}`, "POST", "/register/", `{"username":"eve","email":"eve@example.com","password":"password1234"}`, "")
	says(t, e, 400, `{"username":["Enter a valid username. This value may contain only letters, numbers, and @/./+/-/_ characters."]}`, "POST", "/register/",
		strings.Replace(ada, `"Ada"`, `"a b c"`, 1), "")
	says(t, e, 400, `{"new_password":["This password is too short. It must contain at least 12 characters.","This password is too common."]}`, "POST", "/password/change/",
		"old_password="+testflow.Password+"&new_password=qz7", token)
	says(t, e, 401, `{"detail":"Authentication credentials were not provided."}`, "GET", "/user", "", "")
	says(t, e, 401, `{"detail":"Authentication credentials were not provided."}`, "POST", "/password/change", "{}", "JWT x")
	w := e.Call("GET", base+"/user/", "", "Bearer junk")
	if w.Code != 401 || w.Header().Get("WWW-Authenticate") != `Bearer realm="api"` {
		t.Errorf("junk answered %d %v", w.Code, w.Header())
	}
	const boundary = "--x\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%s\r\n"
	form := fmt.Sprintf(boundary+boundary+"--x--\r\n", "username", "ada", "password", testflow.Password)
	if w := e.Call("POST", base+"/login", form, "", "Content-Type", "multipart/form-data; boundary=x"); w.Code != 200 {
		t.Errorf("multipart answered %d %s", w.Code, w.Body)
	}
	paths := e.Want(t, 200, "GET", base+"/openapi.json", "", "")["paths"].(map[string]any)
	if len(paths) != 8 || paths[base+"/password/reset/confirm/"].(map[string]any)["post"] == nil || paths[base+"/user/"].(map[string]any)["get"] == nil {
		t.Errorf("the document has %v", paths)
	}
}

// TestStoreAway: what cannot be answered now is 503 in the envelope.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	e := served(t, testflow.Options{})
	token := "Bearer " + signIn(t, e, right)
	if err := e.Store.Close(); err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{"/login/": right, "/password/reset/": "email=" + email, "/password/change/": "old_password=a&new_password=" + other} {
		if said := e.Want(t, 503, "POST", base+path, body, token); said["detail"] == nil {
			t.Errorf("%s said %v", path, said)
		}
	}
}
