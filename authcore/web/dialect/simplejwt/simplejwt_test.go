package simplejwt_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const login = "username=ada@example.com&password=" + testflow.Password

func start(t *testing.T, o simplejwt.Options) *testdialect.Env {
	t.Helper()
	e := testdialect.New(t, simplejwt.New(o), testdialect.Options{})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	return e
}

type pair struct{ access, refresh string }

func obtain(t *testing.T, e *testdialect.Env) pair {
	t.Helper()
	says := e.Want(t, 200, "POST", "/api/token/", login, "")
	return pair{says["access"].(string), says["refresh"].(string)}
}

// refresh returns what a refresh answers; refresh "" where there is none.
func refresh(t *testing.T, e *testdialect.Env, token string) pair {
	t.Helper()
	says := e.Want(t, 200, "POST", "/api/token/refresh/", `{"refresh":"`+token+`"}`, "")
	next, _ := says["refresh"].(string)
	return pair{says["access"].(string), next}
}

// refused ends the test unless the token is refused with the text and the code token_not_valid.
func refused(t *testing.T, e *testdialect.Env, call, field, token, detail string) {
	t.Helper()
	says := e.Want(t, 401, "POST", "/api/token/"+call+"/", `{"`+field+`":"`+token+`"}`, "")
	if says["detail"] != detail || says["code"] != "token_not_valid" {
		t.Errorf("%s said %v, want %q", call, says, detail)
	}
}

func verified(t *testing.T, e *testdialect.Env, token string) {
	t.Helper()
	if says := e.Want(t, 200, "POST", "/api/token/verify/", `{"token":"`+token+`"}`, ""); len(says) != 0 {
		t.Errorf("verify said %v", says)
	}
}

// inspected ends the test unless the API knows a refresh token, until the end that the token itself has.
func inspected(t *testing.T, e *testdialect.Env, token string) {
	t.Helper()
	says, err := e.Site.Inspect(t.Context(), token)
	claims := testdialect.Claims(t, token)
	if err != nil || says["active"] != true || says["sid"] != claims["sid"] || says["user_id"] != claims["user_id"] || fmt.Sprint(says["exp"]) != fmt.Sprintf("%.0f", claims["exp"]) {
		t.Fatalf("the API says %v, %v of the refresh token %v", says, err, claims)
	}
}

func notInspected(t *testing.T, e *testdialect.Env, token string) {
	t.Helper()
	if says, err := e.Site.Inspect(t.Context(), token); says != nil || err != nil {
		t.Errorf("the API says %v, %v of a dead refresh token", says, err)
	}
}

func owner(t *testing.T, e *testdialect.Env) authcore.Account {
	t.Helper()
	a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindEmail, Value: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// endAll ends every session of the owner, as at another edge.
func endAll(t *testing.T, e *testdialect.Env) {
	t.Helper()
	if _, err := e.Sessions.Revoke(t.Context(), owner(t, e).ID, nil, true, testflow.Client()); err != nil {
		t.Fatal(err)
	}
}

// TestPair: claims, their order and their types are the package's; the session is one like any other.
func TestPair(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	p := obtain(t, e)
	sessions, err := e.Sessions.List(t.Context(), owner(t, e).ID)
	if err != nil || len(sessions) != 1 {
		t.Fatal(sessions, err)
	}
	for kind, c := range map[string]struct {
		token string
		life  float64
	}{"access": {p.access, 300}, "refresh": {p.refresh, 86400}} {
		got := testdialect.Claims(t, c.token)
		id, _ := got["jti"].(string)
		if got["token_type"] != kind || got["user_id"] != "1" || got["exp"].(float64)-got["iat"].(float64) != c.life || len(id) != 32 || got["sid"] != sessions[0].ID.String() {
			t.Errorf("the claims of %s are %v", kind, got)
		}
	}
	if a, b := testdialect.Claims(t, p.access)["jti"], testdialect.Claims(t, p.refresh)["jti"]; a == b {
		t.Error("both tokens have one jti")
	}
	w := e.Call("POST", "/api/token/", login, "")
	if w.Header().Get("Allow") != "POST, OPTIONS" || !strings.HasPrefix(w.Body.String(), `{"refresh":`) {
		t.Errorf("answered %v %s", w.Header(), w.Body)
	}
}

// TestRefresh_RotateOff: the token stays good until its end, and no refresh writes to the database each time.
func TestRefresh_RotateOff(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	p := obtain(t, e)
	for range 3 {
		e.Clock.Advance(20 * time.Second)
		if next := refresh(t, e, p.refresh); next.refresh != "" || next.access == p.access {
			t.Errorf("answered %v", next)
		}
	}
	refused(t, e, "refresh", "refresh", p.access, "Token has wrong type")
	refused(t, e, "refresh", "refresh", "x", "Token is invalid")
	e.Clock.Advance(24*time.Hour - 61*time.Second)
	refresh(t, e, p.refresh)
	e.Clock.Advance(2 * time.Second)
	refused(t, e, "refresh", "refresh", p.refresh, "Token is expired")
}

// TestS07_RefreshesOfOneSecond: they read the session once, and what ends it ends them as soon as this node hears of it: by the database within
// that second.
func TestS07_RefreshesOfOneSecond(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	for hears, within := range map[bool]time.Duration{true: 0, false: time.Second} {
		p := obtain(t, e)
		e.Clock.Advance(time.Second)
		refresh(t, e, p.refresh) // tells the database of a minute more
		refresh(t, e, p.refresh) // and this one reads
		id := uuid.MustParse(testdialect.Claims(t, p.access)["sid"].(string))
		ended, err := e.Elsewhere(t).RevokeSessions(t.Context(), owner(t, e).ID, []uuid.UUID{id}, false, e.Clock.Now(), authcore.Effects{})
		if err != nil || len(ended) != 1 {
			t.Fatal(ended, err)
		}
		if hears {
			e.Revoked.Apply(ended...)
		} else {
			refresh(t, e, p.refresh)
		}
		e.Clock.Advance(within)
		refused(t, e, "refresh", "refresh", p.refresh, "Token is blacklisted")
	}
}

// TestS07_AccessTokensOfUnwrittenRefreshes: whatever a refresh issues without a write is known to whoever ends the session (S07).
func TestS07_AccessTokensOfUnwrittenRefreshes(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	p := obtain(t, e)
	var last pair
	for range 5 {
		e.Clock.Advance(50 * time.Second)
		last = refresh(t, e, p.refresh)
		c := testdialect.Claims(t, last.access)
		known, _, err := e.Store.DialectSession(t.Context(), uuid.MustParse(c["sid"].(string)), e.Clock.Now())
		if err != nil || known.AccessUntil.Unix() < int64(c["exp"].(float64)) {
			t.Errorf("a token is good until %v, and the database knows of %s, %v", c["exp"], known.AccessUntil, err)
		}
	}
	issued := e.Clock.Now()
	endAll(t, e)
	e.Clock.Advance(299 * time.Second)
	if err := e.Store.Sweep(t.Context(), e.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, e, "verify", "token", last.access, "Token is blacklisted")
	if e.Clock.Now().Sub(issued) >= 5*time.Minute {
		t.Error("the token had expired")
	}
	refused(t, e, "refresh", "refresh", p.refresh, "Token is blacklisted")
}

// TestRefresh_Rotate: without blacklist both tokens are good within the session; with it the former one dies with the use of the new one, and
// is a stolen one from then on.
func TestRefresh_Rotate(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{Rotate: true})
	first := obtain(t, e)
	e.Clock.Advance(time.Hour)
	second := refresh(t, e, first.refresh)
	e.Clock.Advance(time.Minute)
	refresh(t, e, second.refresh)
	refresh(t, e, first.refresh)
	verified(t, e, first.refresh)
	inspected(t, e, first.refresh)
	inspected(t, e, second.refresh)
	e.Clock.Advance(23 * time.Hour)
	refused(t, e, "refresh", "refresh", first.refresh, "Token is expired")
	refresh(t, e, second.refresh)

	e = start(t, simplejwt.Options{Rotate: true, Blacklist: true})
	first = obtain(t, e)
	e.Clock.Advance(time.Minute)
	second = refresh(t, e, first.refresh)
	if again := refresh(t, e, first.refresh); testdialect.Claims(t, again.refresh)["jti"] != testdialect.Claims(t, second.refresh)["jti"] {
		t.Error("the leeway does not hold: a lost answer signs the client out")
	}
	verified(t, e, second.refresh)
	inspected(t, e, second.refresh)
	notInspected(t, e, first.refresh)
	says := e.Want(t, 400, "POST", "/api/token/verify/", `{"token":"`+first.refresh+`"}`, "")
	if fmt.Sprint(says) != "map[non_field_errors:[Token is blacklisted]]" {
		t.Errorf("verify of a rotated token said %v", says)
	}
	third := refresh(t, e, second.refresh)
	e.Clock.Advance(time.Minute)
	refused(t, e, "refresh", "refresh", first.refresh, "Token is blacklisted")
	refused(t, e, "refresh", "refresh", third.refresh, "Token is blacklisted") // the session has ended: somebody held a copy
}

// TestBlacklist ends the session, with every token of it.
func TestBlacklist(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	p, other := obtain(t, e), obtain(t, e)
	verified(t, e, p.access)
	refused(t, e, "blacklist", "refresh", p.access, "Token has wrong type")
	if says := e.Want(t, 200, "POST", "/api/token/blacklist/", `{"refresh":"`+p.refresh+`"}`, ""); len(says) != 0 {
		t.Errorf("said %v", says)
	}
	refused(t, e, "blacklist", "refresh", p.refresh, "Token is blacklisted")
	refused(t, e, "refresh", "refresh", p.refresh, "Token is blacklisted")
	refused(t, e, "verify", "token", p.refresh, "Token is blacklisted")
	refused(t, e, "verify", "token", p.access, "Token is blacklisted")
	notInspected(t, e, p.refresh)
	verified(t, e, other.access)
	verified(t, e, other.refresh)
}

// TestEnded_Texts: what ended the session is what is said.
func TestEnded_Texts(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{RevokeOnPasswordChange: true})
	p := obtain(t, e)
	e.Clock.Advance(time.Minute)
	endAll(t, e)
	refused(t, e, "refresh", "refresh", p.refresh, "Token is blacklisted")
	change := func(from, to string) {
		t.Helper()
		if err := e.Password.Change(t.Context(), password.ChangeInput{AccountID: owner(t, e).ID, Current: from, New: to, Client: testflow.Client()}); err != nil {
			t.Fatal(err)
		}
	}
	p = obtain(t, e)
	e.Clock.Advance(time.Minute)
	change(testflow.Password, testflow.OtherPassword)
	says := e.Want(t, 401, "POST", "/api/token/refresh/", `{"refresh":"`+p.refresh+`"}`, "")
	if says["detail"] != "The user's password has been changed." || says["code"] != nil {
		t.Errorf("said %v", says)
	}
	refused(t, e, "verify", "token", p.refresh, "Token is blacklisted")
	change(testflow.OtherPassword, testflow.Password)
	e.Clock.Advance(time.Minute)
	p = obtain(t, e)
	if _, err := e.Store.ChangeDisabled(t.Context(), authcore.Disabling{AccountID: owner(t, e).ID, Disable: true, Now: e.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	says = e.Want(t, 401, "POST", "/api/token/refresh/", `{"refresh":"`+p.refresh+`"}`, "")
	if says["detail"] != "No active account found for the given token." || says["code"] != nil {
		t.Errorf("said %v", says)
	}
	refused(t, e, "verify", "token", p.access, "Token is blacklisted")
}

// TestS07_VerifyOfARefreshTokenLongAfter: an ended session's refresh token is known as dead for as long as it would have lived, which is longer
// than guards remember the session.
func TestS07_VerifyOfARefreshTokenLongAfter(t *testing.T) {
	t.Parallel()
	e := start(t, simplejwt.Options{})
	p := obtain(t, e)
	endAll(t, e)
	e.Clock.Advance(23 * time.Hour)
	if err := e.Store.Sweep(t.Context(), e.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	refused(t, e, "verify", "token", p.refresh, "Token is blacklisted")
}

// TestVerify_TokensOfOthers: the vector of the package's own tests has a right signature, and is of no session: it is refused everywhere.
func TestVerify_TokensOfOthers(t *testing.T) {
	t.Parallel()
	const vector = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0b2tlbl90eXBlIjoiYWNjZXNzIiwiZXhwIjo0MTAyNDQ0ODAwLCJpYXQiOjE3MDAwMDAwMDAsImp0aSI6IjAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmIiwidXNlcl9pZCI6IjEifQ.btarn6-pwSIYEUTtyaG62ufXr_xX0uGO7WFaE2HpI7E"
	keyed := func(key string) *testdialect.Env {
		return testdialect.New(t, simplejwt.New(simplejwt.Options{}), testdialect.Options{Key: key})
	}
	e := keyed("simplejwt-test-key-0123456789abcdef")
	refused(t, e, "verify", "token", vector, "Token is invalid")
	refused(t, e, "refresh", "refresh", vector, "Token has wrong type") // so its signature was checked, and held
	other := keyed("another-test-key-0123456789abcdef")
	refused(t, other, "refresh", "refresh", vector, "Token is invalid")
	if e.Admits(t, "Bearer "+vector, httpauth.Accept{Dialect: true}) {
		t.Error("a guard lets it in")
	}
}

func TestEither(t *testing.T) {
	t.Parallel()
	e := testdialect.New(t, simplejwt.New(simplejwt.Options{}), testdialect.Options{Settings: func(s *dialect.Settings) {
		s.Paths = map[string][]string{"either": {"/varifyToken/"}}
	}})
	e.Register(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	p := obtain(t, e)
	if says := e.Want(t, 200, "POST", "/varifyToken/", `{"token":"`+p.access+`"}`, ""); len(says) != 0 {
		t.Errorf("verify said %v", says)
	}
	if says := e.Want(t, 200, "POST", "/varifyToken", `{"refresh":"`+p.refresh+`"}`, ""); says["access"] == nil {
		t.Errorf("refresh said %v", says)
	}
	if says := e.Want(t, 400, "POST", "/varifyToken/", `{}`, ""); fmt.Sprint(says) != "map[token:[This field is required.]]" {
		t.Errorf("nothing said %v", says)
	}
}
