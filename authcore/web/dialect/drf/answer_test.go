package drf

import (
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/internal/testdeclared"
)

func TestWrite(t *testing.T) {
	t.Parallel()
	w := httptest.NewRecorder()
	Write(w, httptest.NewRequest("GET", "/", nil), Answer{200, Object{{"b", "<&>\u2028ü"}, {"a", []int{1}}, {"c", Object{}}}})
	if got := w.Body.String(); w.Header().Get("Content-Type") != "application/json" || got != `{"b":"<&>\u2028ü","a":[1],"c":{}}` {
		t.Errorf("answered %v %s", w.Header(), got)
	}
	w = httptest.NewRecorder()
	Write(w, httptest.NewRequest("DELETE", "/", nil), Answer{Status: 204})
	if w.Code != 204 || w.Body.Len() != 0 || len(w.Header()) != 0 {
		t.Errorf("answered %d %v %s", w.Code, w.Header(), w.Body)
	}
}

func TestAllow(t *testing.T) {
	t.Parallel()
	for want, has := range map[string]string{
		"POST, OPTIONS": "POST", "GET, POST, HEAD, OPTIONS": "POST GET", "GET, PUT, PATCH, DELETE, HEAD, OPTIONS": "GET DELETE PATCH PUT",
	} {
		if got := Allow(strings.Fields(has)...); got != want {
			t.Errorf("%s allows %q, want %q", has, got, want)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 4, 4, 5, 120_000_999, time.FixedZone("", 3600))
	if got := Time(at); got != "2026-01-02T03:04:05.120000Z" {
		t.Error(got)
	}
	if got := Time(at.Truncate(time.Second)); got != "2026-01-02T03:04:05Z" {
		t.Error(got)
	}
}

func TestFailure_Write(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "/", nil)
	for _, c := range []struct {
		f         *Failure
		challenge string
		status    int
		header    string // WWW-Authenticate
		retry     string
		says      string
	}{
		{NotAuthenticated(), Challenge("Bearer"), 401, `Bearer realm="api"`, "", `{"detail":"Authentication credentials were not provided."}`},
		{NotAuthenticated(), Challenge("Token"), 401, "Token", "", `{"detail":"Authentication credentials were not provided."}`},
		{NotAuthenticated(), "", 403, "", "", `{"detail":"Authentication credentials were not provided."}`},
		{PermissionDenied(), Challenge("Bearer"), 403, "", "", `{"detail":"You do not have permission to perform this action."}`},
		{NotFound(), Challenge("Bearer"), 404, "", "", `{"detail":"Not found."}`},
		{MethodNotAllowed("GET"), "", 405, "", "", `{"detail":"Method \"GET\" not allowed."}`},
		{Throttled(1500 * time.Millisecond), "", 429, "", "2", `{"detail":"Request was throttled. Expected available in 2 seconds."}`},
		{Throttled(time.Second), "", 429, "", "1", `{"detail":"Request was throttled. Expected available in 1 second."}`},
		{Throttled(0), "", 429, "", "", `{"detail":"Request was throttled."}`},
		{SecondFactorOwed(), Challenge("JWT"), 401, `JWT realm="api"`, "",
			`{"detail":"Two-factor authentication is required: send ` + "`otp`" + ` too.","code":"2fa_required"}`},
		{NonField("a", "b"), "", 400, "", "", `{"non_field_errors":["a","b"]}`},
		{List("a"), "", 400, "", "", `["a"]`},
		{FieldErrors{}.Add("x", "1").Add("y", "2").Add("x", "3").Failure(), "", 400, "", "", `{"x":["1","3"],"y":["2"]}`},
	} {
		w := httptest.NewRecorder()
		w.Header().Set("WWW-Authenticate", "Bearer") // of whoever has judged the token before
		c.f.Write(w, r, c.challenge)
		if h := w.Header(); w.Code != c.status || h.Get("WWW-Authenticate") != c.header || h.Get("Retry-After") != c.retry || w.Body.String() != c.says {
			t.Errorf("answered %d %v %s, want %d %q %q %s", w.Code, h, w.Body, c.status, c.header, c.retry, c.says)
		}
	}
}

func TestFromError(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", nil)
	var log strings.Builder
	logger := slog.New(slog.NewTextHandler(&log, nil))
	broken := authcore.FieldErrors{{Field: "login", Rule: authcore.Required},
		{Field: "password", Rule: authcore.PasswordTooShort, Params: authcore.Params{N: 15}}, {Field: "password", Rule: authcore.PasswordCommon}}
	for _, c := range []struct {
		err    error
		status int
		retry  time.Duration
		says   string
	}{
		{NotFound(), 404, 0, `{"detail":"Not found."}`},
		{authcore.Refuse(authcore.NotFound, "No such session."), 404, 0, `{"detail":"Not found."}`},
		{authcore.Refuse(authcore.InvalidCredentials, "Wrong."), 401, 0, `{"detail":"Incorrect authentication credentials."}`},
		{authcore.Refuse(authcore.AuthenticationRequired, "Sign in."), 401, 0, `{"detail":"Authentication credentials were not provided."}`},
		{authcore.RefuseFor(authcore.AccountLocked, "Locked.", time.Minute), 429, time.Minute, `{"detail":"Request was throttled. Expected available in 60 seconds."}`},
		{authcore.RefuseFor(authcore.RateLimited, "Limit.", time.Second), 429, time.Second, `{"detail":"Request was throttled. Expected available in 1 second."}`},
		{authcore.Refuse(authcore.Blocked, "A rule keeps you out."), 403, 0, `{"detail":"A rule keeps you out."}`},
		{authcore.Refuse(authcore.Forbidden, "No."), 403, 0, `{"detail":"You do not have permission to perform this action."}`},
		{authcore.Refuse(authcore.ReauthenticationRequired, "Sign in again."), 403, 0, `{"detail":"Sign in again."}`},
		{authcore.ErrLastAdmin, 409, 0, `{"detail":"Nobody else can sign in as an administrator. Make somebody else an administrator first."}`},
		{authcore.RefuseFor(authcore.Unavailable, "Away.", 7*time.Second), 503, 7 * time.Second, `{"detail":"Away."}`},
		{broken.Refusal(), 400, 0, `{"username":["This field is required."],"password":["This password is too short. It must contain at least 15 characters.","This password is too common."]}`},
		{&authcore.Error{Code: authcore.Conflict, Detail: "Taken.", Fields: authcore.FieldErrors{{Field: "username", Rule: authcore.UsernameTaken}}}, 400, 0,
			`{"username":["A user with that username already exists."]}`},
		{authcore.Refuse(authcore.Conflict, "Not now."), 400, 0, `{"non_field_errors":["Not now."]}`},
	} {
		f := FromError(r, logger, c.err, map[string]string{"login": "username"})
		if status, says := said(t, f); status != c.status || says != c.says || f.Wait != c.retry {
			t.Errorf("%v answered %d %s after %s, want %d %s after %s", c.err, status, says, f.Wait, c.status, c.says, c.retry)
		}
	}
	if log.Len() != 0 {
		t.Errorf("refusals are in the log: %s", log.String())
	}
	if status, says := said(t, FromError(r, logger, errors.New("secret cause"), nil)); status != 500 || strings.Contains(says, "secret") || !strings.Contains(log.String(), "secret cause") {
		t.Errorf("an internal error answered %d %s; the log: %s", status, says, log.String())
	}
	if f := FromError(r, logger, authcore.ErrUnavailable, nil); f.Status != 503 || f.Wait == 0 {
		t.Errorf("a store that is away: %d after %s", f.Status, f.Wait)
	}
}

// TestText_OfEveryRule: what Django has a text for is said in it, everything else in ours; nothing is empty or has a gap.
func TestText_OfEveryRule(t *testing.T) {
	t.Parallel()
	rules := testdeclared.Constants(t, "../../../rules.go", "", "Rule")
	if len(rules) < 40 {
		t.Fatalf("only %d rules were found", len(rules))
	}
	for _, rule := range rules {
		if got := Text(authcore.FieldError{Rule: authcore.Rule(rule)}); got == "" || strings.ContainsAny(got, "{}") {
			t.Errorf("%s: %q", rule, got)
		}
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	got := Metadata("User List", "", "POST", Description{Field: Field{Name: "id"}, ReadOnly: true, Integer: true, Label: "ID"},
		Description{Field: Field{Name: "first_name", Max: 150, Optional: true}, Help: "Some help."}, Description{Field: Field{Name: "email", Email: true}})
	const want = `{"name":"User List","description":"","renders":["application/json"],` +
		`"parses":["application/json","application/x-www-form-urlencoded","multipart/form-data"],"actions":{"POST":{` +
		`"id":{"type":"integer","required":false,"read_only":true,"label":"ID"},` +
		`"first_name":{"type":"string","required":false,"read_only":false,"label":"First name","help_text":"Some help.","max_length":150},` +
		`"email":{"type":"email","required":true,"read_only":false,"label":"Email"}}}}`
	if text, err := encode(got.Body); err != nil || string(text) != want {
		t.Errorf("got %s, %v", text, err)
	}
	if text, err := encode(Metadata("x", "y", "").Body); err != nil || strings.Contains(string(text), "actions") {
		t.Errorf("got %s, %v", text, err)
	}
}
