package caddymodule

import (
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const simplejwtLogin = "username=ada&password=" + testflow.Password

// refreshed signs in, and refreshes a minute later.
func refreshed(t *testing.T, e *testdialect.Env) (refresh string, says map[string]any) {
	t.Helper()
	refresh = e.Want(t, 200, "POST", "/api/token/", simplejwtLogin, "")["refresh"].(string)
	e.Clock.Advance(time.Minute)
	return refresh, e.Want(t, 200, "POST", "/api/token/refresh/", `{"refresh":"`+refresh+`"}`, "")
}

func TestOption_simplejwt_rotate(t *testing.T) {
	t.Parallel()
	for directive, rotates := range map[string]bool{
		"gatehouse_dialect simplejwt": false, "gatehouse_dialect simplejwt {\n rotate off\n}": false,
		"gatehouse_dialect simplejwt {\n rotate\n}": true, "gatehouse_dialect simplejwt {\n rotate on\n}": true,
	} {
		if _, says := refreshed(t, served(t, directive, testdialect.Options{})); (says["refresh"] != nil) != rotates {
			t.Errorf("%s answered %v", directive, says)
		}
	}
}

func TestOption_simplejwt_blacklist(t *testing.T) {
	t.Parallel()
	for directive, status := range map[string]int{
		"gatehouse_dialect simplejwt {\n rotate\n blacklist\n}": 401, "gatehouse_dialect simplejwt {\n rotate\n blacklist off\n}": 200,
	} {
		e := served(t, directive, testdialect.Options{})
		former, _ := refreshed(t, e)
		e.Clock.Advance(time.Minute)
		e.Want(t, status, "POST", "/api/token/refresh/", `{"refresh":"`+former+`"}`, "")
	}
}

func TestOption_simplejwt_revoke_on_password_change(t *testing.T) {
	t.Parallel()
	for directive, detail := range map[string]string{
		"gatehouse_dialect simplejwt {\n revoke_on_password_change\n}": "The user's password has been changed.", "gatehouse_dialect simplejwt": "Token is blacklisted",
	} {
		e := served(t, directive, testdialect.Options{})
		refresh, _ := refreshed(t, e)
		a, err := e.Store.AccountByIdentifier(t.Context(), authcore.Identifier{Kind: authcore.KindUsername, Value: "ada"})
		if err == nil {
			err = e.Password.Change(t.Context(), password.ChangeInput{AccountID: a.ID, Current: testflow.Password, New: testflow.OtherPassword, Client: testflow.Client()})
		}
		if err != nil {
			t.Fatal(err)
		}
		if says := e.Want(t, 401, "POST", "/api/token/refresh/", `{"refresh":"`+refresh+`"}`, ""); says["detail"] != detail {
			t.Errorf("%s answered %v", directive, says)
		}
	}
}

// servedUsers serves simplejwt and a directive of drf_users beside it; ada administers, and bob does not.
func servedUsers(t *testing.T, directive string) (e *testdialect.Env, ada, bob string) {
	t.Helper()
	e = served(t, "gatehouse_dialect simplejwt", testdialect.Options{Options: testflow.Options{Admins: authcore.Admins{"nora@example.com"}}})
	d := dialectIn(t, directive)
	e.Add(t, d.is, d.prefix)
	e.Person(t, signup.RegisterInput{Email: "nora@example.com", Username: "nora"})
	e.Register(t, signup.RegisterInput{Email: "bob@example.com", Username: "bob"})
	token := func(name string) string {
		return "Bearer " + e.Want(t, 200, "POST", "/api/token/", "username="+name+"&password="+testflow.Password, "")["access"].(string)
	}
	return e, token("nora"), token("bob")
}

func TestOption_drf_users_fields(t *testing.T) {
	t.Parallel()
	e, admin, _ := servedUsers(t, "gatehouse_dialect drf_users /users {\n fields id is_staff date_joined\n}")
	says := e.Want(t, 200, "GET", "/users/2/", "", admin)
	if len(says) != 3 || says["id"] != 2.0 || says["is_staff"] != false || says["date_joined"] == nil {
		t.Errorf("answered %v", says)
	}
	e, admin, _ = servedUsers(t, "gatehouse_dialect drf_users /users")
	if says = e.Want(t, 200, "GET", "/users/2/", "", admin); len(says) != 3 || says["username"] != "nora" || says["email"] != "nora@example.com" {
		t.Errorf("answered %v", says)
	}
}

func TestOption_drf_users_access(t *testing.T) {
	t.Parallel()
	for directive, status := range map[string]int{"gatehouse_dialect drf_users /users": 403, "gatehouse_dialect drf_users /users {\n access users\n}": 200} {
		e, admin, user := servedUsers(t, directive)
		e.Want(t, status, "GET", "/users/2/", "", user)
		e.Want(t, 403, "DELETE", "/users/2/", "", user)
		e.Want(t, 200, "GET", "/users/2/", "", admin)
	}
}

func TestOption_drf_users_paginate(t *testing.T) {
	t.Parallel()
	e, admin, _ := servedUsers(t, "gatehouse_dialect drf_users /users {\n paginate\n}")
	says := e.Want(t, 200, "GET", "/users/", "", admin)
	if says["count"] != 3.0 || says["next"] != nil || says["previous"] != nil || len(says["results"].([]any)) != 3 {
		t.Errorf("answered %v", says)
	}
	if says = e.Want(t, 404, "GET", "/users/?page=2", "", admin); says["detail"] != "Invalid page." {
		t.Errorf("answered %v", says)
	}
	e, admin, _ = servedUsers(t, "gatehouse_dialect drf_users /users")
	if w := e.Call("GET", "/users/", "", admin); w.Code != 200 || w.Body.Bytes()[0] != '[' {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

// TestDRFUsers_TakesNoOptionOfTokens: it issues none, so there is nothing that they would do.
func TestDRFUsers_TakesNoOptionOfTokens(t *testing.T) {
	t.Parallel()
	m := &DRFUsers{DialectSettings: DialectSettings{Prefix: "/users", Schemes: []string{"JWT"}}}
	if _, err := m.Dialect(); err == nil {
		t.Error("schemes are taken")
	}
	if names := dialectNames(); !slices.Contains(names, "drf_users") {
		t.Errorf("the dialects are %v", names)
	}
}
