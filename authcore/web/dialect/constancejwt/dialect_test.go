package constancejwt_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
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
	e := testdialect.New(t, constancejwt.New(), testdialect.Options{})
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
	e := testdialect.New(t, constancejwt.New(), testdialect.Options{})
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
	e := testdialect.New(t, constancejwt.New(), testdialect.Options{})
	for _, token := range []string{"x", uuid.NewString(), "ghr_" + uuid.NewString(), "{" + uuid.NewString() + "}"} {
		e.Want(t, 401, "POST", "/api/refresh/", "refresh_token="+token, "")
		e.Want(t, 401, "POST", "/api/logout/", "refresh_token="+token, "")
	}
}

// TestRefresh_OfAnotherDialect: a refresh token is good at its own dialect alone, also where the keys are the same.
func TestRefresh_OfAnotherDialect(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, constancejwt.New(), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com"})
	_, refresh := signedIn(t, e)
	other := constancejwt.New()
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
