package constancejwt_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/constancejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const login = "email=ada@example.com&password=" + testflow.Password

func signedIn(t *testing.T, e *testdialect.Env) (access, refresh string) {
	t.Helper()
	says := e.Want(t, 200, "POST", "/api/login/", login, "")
	return says["access_token"].(string), says["refresh_token"].(string)
}

// TestSignedIn is the life of a session by the seed, call by call.
func TestSignedIn(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	access, refresh := signedIn(t, e)
	if id, err := uuid.Parse(refresh); err != nil || id.Version() != 4 || len(refresh) != 36 {
		t.Errorf("the refresh token is %q, want a UUID of version 4", refresh)
	}
	c := testdialect.Claims(t, access)
	if c["user_id"] != 1.0 || c["exp"].(float64)-c["iat"].(float64) != 30 || c["username"] != nil {
		t.Errorf("the claims are %v", c)
	}
	sessions, err := e.Sessions.List(t.Context(), account(t, e).ID)
	if err != nil || len(sessions) != 1 || c["sid"] != sessions[0].ID.String() {
		t.Errorf("sid %v is not the session %v, %v", c["sid"], sessions, err)
	}
	if h := testdialect.Header(t, access); len(h) != 2 || h["alg"] != "HS256" || h["typ"] != "JWT" {
		t.Errorf("the header is %v", h)
	}
	says := e.Want(t, 200, "GET", "/api/me", "", "Bearer "+access)
	if says["id"] != 1.0 || says["username"] != "" || says["email"] != "ada@example.com" {
		t.Errorf("me is %v", says)
	}
	e.Clock.Advance(30 * time.Second)
	e.Want(t, 401, "GET", "/api/me/", "", "Bearer "+access)
	says = e.Want(t, 200, "POST", "/api/refresh/", `{"refresh_token":"`+refresh+`"}`, "")
	second := says["refresh_token"].(string)
	if second == refresh {
		t.Error("the refresh token stayed")
	}
	e.Clock.Advance(time.Minute)
	if says = e.Want(t, 200, "POST", "/api/logout/", `{"refresh_token":"`+second+`"}`, ""); says["success"] != "User logged out." {
		t.Errorf("logout said %v", says)
	}
	e.Want(t, 401, "POST", "/api/refresh/", `{"refresh_token":"`+second+`"}`, "")
	e.Want(t, 401, "POST", "/api/logout/", `{"refresh_token":"`+second+`"}`, "")
}

func account(t *testing.T, e *testdialect.Env) authcore.Account {
	t.Helper()
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestRefresh_Leeway: the refresh_leeway holds for UUIDs too (contract §4): within it the same client gets the same successor, until that
// is used; after it the token is a stolen one and ends the session, whose access tokens are dead at once.
func TestRefresh_Leeway(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	_, first := signedIn(t, e)
	refresh := func(status int, token string) map[string]any {
		return e.Want(t, status, "POST", "/api/refresh/", "refresh_token="+token, "")
	}
	second := refresh(200, first)["refresh_token"].(string)
	e.Clock.Advance(9 * time.Second)
	if again := refresh(200, first)["refresh_token"]; again != second {
		t.Errorf("within the leeway came %v, want %s again", again, second)
	}
	last := refresh(200, second)
	access := last["access_token"].(string)
	if !e.Admits(t, "Bearer "+access, httpauth.Accept{Dialect: true}) {
		t.Error("the guard refuses a good token")
	}
	refresh(401, first)
	if e.Admits(t, "Bearer "+access, httpauth.Accept{Dialect: true}) {
		t.Error("the session of a replayed refresh token lives")
	}
	refresh(401, last["refresh_token"].(string))
}

// TestRefresh_Junk: what is no UUID of ours finds nothing, in whatever spelling.
func TestRefresh_Junk(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	for _, token := range []string{"x", uuid.NewString(), "ghr_" + uuid.NewString(), "{" + uuid.NewString() + "}"} {
		e.Want(t, 401, "POST", "/api/refresh/", "refresh_token="+token, "")
		e.Want(t, 401, "POST", "/api/logout/", "refresh_token="+token, "")
	}
}

// TestRefresh_OfAnotherDialect: a refresh token is good at its own dialect alone, also where the keys are the same.
func TestRefresh_OfAnotherDialect(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	_, refresh := signedIn(t, e)
	other := constancejwt.New("")
	other.Name = "another"
	site, err := dialect.New(other, e.Site.Settings, e.Site.Flows)
	if err != nil {
		t.Fatal(err)
	}
	own := e.Site
	e.Site = site
	e.Want(t, 401, "POST", "/api/refresh/", "refresh_token="+refresh, "")
	e.Site = own
	e.Want(t, 200, "POST", "/api/refresh/", "refresh_token="+refresh, "")
}

// TestRegister: the number is the account's, also where it waits for the proof of its address; a refused call takes none.
func TestRegister(t *testing.T) {
	t.Parallel()
	const register = `{"email":"ada@example.com","password":"` + testflow.Password + `"}`
	for _, mode := range []signup.Mode{signup.Open, signup.Verified} {
		e := testdialect.New(t, constancejwt.New(""), testdialect.Options{Options: testflow.Options{Mode: mode}})
		if says := e.Want(t, 400, "POST", "/api/register/", `{"email":"ada@example.com","password":"password"}`, ""); says["password"] == nil {
			t.Errorf("%s: a weak password said %v", mode, says)
		}
		e.Want(t, 400, "POST", "/api/register/", `{"email":"ada","password":""}`, "")
		if says := e.Want(t, 201, "POST", "/api/register/", register, ""); says["id"] != 1.0 || says["email"] != "ada@example.com" || len(says) != 2 {
			t.Errorf("%s: registered %v", mode, says)
		}
		if mode == signup.Verified {
			if says := e.Want(t, 403, "POST", "/api/login/", login, ""); says["detail"] == nil {
				t.Errorf("before the proof: %v", says)
			}
			second := e.Want(t, 201, "POST", "/api/register/", `{"email":"bob@example.com","password":"`+testflow.Password+`"}`, "") // its number is reserved too
			if second["id"] != 2.0 {
				t.Errorf("the second one is %v", second)
			}
			link := testflow.Token(t, e.Mail(t, "bob@example.com", authcore.MailVerify))
			if _, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: link, Password: testflow.Password, Request: testflow.Request()})); err != nil {
				t.Fatal(err)
			}
			link = testflow.Token(t, e.Mail(t, "ada@example.com", authcore.MailVerify))
			if _, err := testflow.Tokens(e.SignUp.Verify(t.Context(), signup.VerifyInput{Token: link, Password: testflow.Password, Request: testflow.Request()})); err != nil {
				t.Fatal(err)
			}
		}
		access, _ := signedIn(t, e)
		if c := testdialect.Claims(t, access); c["user_id"] != 1.0 {
			t.Errorf("%s: the claim is %v, although 1 was answered", mode, c["user_id"])
		}
		if mode == signup.Open {
			e.Want(t, 400, "POST", "/api/register/", register, "")
		}
	}
}

// TestMe_Put: what the app called a username is the name: any text, which never signs in, and rules about usernames hold for it.
func TestMe_Put(t *testing.T) {
	t.Parallel()
	pattern := must(block.ParsePattern(block.Username, "root*"))(t)
	root := []block.Compiled{block.Configured(block.Username, "root*", []block.Act{block.SignUp}, pattern)}
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{Options: testflow.Options{Blocks: block.Config{Rules: root}}})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	access, refresh := signedIn(t, e)
	put := func(status int, username string) map[string]any {
		t.Helper()
		return e.Want(t, status, "PUT", "/api/me/", `{"username":"`+username+`"}`, "Bearer "+access)
	}
	long := strings.Repeat("Ä", 90) + " " + strings.Repeat("b", 59)
	for _, name := range []string{"John Smith", "", long, "ada@example.org", "John Smith"} {
		if says := put(200, name); says["username"] != name || says["id"] != 1.0 || says["email"] != "ada@example.com" {
			t.Errorf("%q is %v", name, says)
		}
	}
	for _, name := range []string{strings.Repeat("x", 151), strings.Repeat("x", 120), "\u202eevil"} {
		if says := put(400, name); says["username"] == nil || len(says) != 1 {
			t.Errorf("%q is refused by %v", name, says)
		}
	}
	put(403, "Root of it")
	e.Want(t, 400, "PUT", "/api/me/", "{}", "Bearer "+access)
	e.Want(t, 401, "PUT", "/api/me/", `{"username":"x"}`, "")
	e.Want(t, 401, "POST", "/api/login/", "email=John+Smith&password="+testflow.Password, "")
	says := e.Want(t, 200, "POST", "/api/refresh/", "refresh_token="+refresh, "")
	if c := testdialect.Claims(t, says["access_token"].(string)); c["username"] != "John Smith" {
		t.Errorf("the next token says %v", c)
	}
}

// TestBrowser: a browser that navigates is led to where the call can be tried; a program never is.
func TestBrowser(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New("/admin"), testdialect.Options{})
	const html = "text/html,application/xhtml+xml"
	for path, want := range map[string]string{"/api/login/": "/api-doc/#/constance_jwt/login", "/api/me": "/api-doc/#/constance_jwt/me_get"} {
		w := e.Call("GET", path, "", "", "Accept", html)
		if w.Code != 303 || w.Header().Get("Location") != want || !strings.Contains(w.Header().Get("Vary"), "Accept") {
			t.Errorf("%s leads to %d %v", path, w.Code, w.Header())
		}
	}
	if w := e.Call("GET", "/api/login/", "", "", "Accept", "*/*"); w.Code != 405 {
		t.Errorf("a program is answered %d", w.Code)
	}
	if w := e.Call("GET", "/admin/", "", ""); w.Code != 302 || w.Header().Get("Location") != "https://auth.example.com/auth/console" {
		t.Errorf("/admin/ leads to %d %v", w.Code, w.Header())
	}
	if w := e.Call("GET", "/api-doc/", "", ""); w.Code != 200 || !strings.Contains(w.Body.String(), `data-document="/api-doc/openapi.json"`) {
		t.Errorf("the page is %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/api/openapi.json", "/api-doc/openapi.json"} {
		says := e.Want(t, 200, "GET", path, "", "")
		if paths := says["paths"].(map[string]any); len(paths) != 5 || paths["/api/me/"].(map[string]any)["put"] == nil {
			t.Errorf("%s has %v", path, paths)
		}
	}
}

// TestInspect is what POST <prefix>/token/verify of the API says of the dialect's tokens.
func TestInspect(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(""), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	access, refresh := signedIn(t, e)
	inspect := func(token string) map[string]any {
		t.Helper()
		says, err := e.Site.Inspect(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return says
	}
	for token, kind := range map[string]string{access: "access_token", refresh: "refresh_token"} {
		if says := inspect(token); says["active"] != true || says["token_type"] != kind || says["gh"] != nil {
			t.Errorf("%s: %v", kind, says)
		}
	}
	e.Want(t, 200, "POST", "/api/logout/", "refresh_token="+refresh, "")
	for _, token := range []string{access, refresh, "x", uuid.NewString()} {
		if says := inspect(token); says != nil {
			t.Errorf("%s says %v", token, says)
		}
	}
}

func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
