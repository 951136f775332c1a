package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// startDialectExample is a folder of examples with a dialect, by its Caddyfile.
func startDialectExample(t *testing.T, folder string, env ...string) *gateway {
	t.Helper()
	binary, err := gatehousetest.TestBuild()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(workDir(t), "")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Gateway: gatehousetest.Over(dir, binary, ".gatehouse.sock"), client: &http.Client{Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	g.Env = append([]string{"SITE=http://" + g.Host()}, env...)
	copyFiles(t, "../../examples/"+folder, "Caddyfile", g.Dir)
	if err := os.Symlink(".gatehouse", g.Dir+"/data"); err != nil { // where mails are looked for
		t.Fatal(err)
	}
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	g.killAfter(t)
	return g
}

// TestConstanceJWT_Example: the calls of the app's clients, on an empty database and in their order. A lifetime that is changed while the gateway
// runs shows in the next token.
func TestConstanceJWT_Example(t *testing.T) {
	t.Parallel()
	g := startDialectExample(t, "constance-jwt", "DJANGO_SECRET_KEY="+dialectKey)
	is := func(got map[string]any, want object) {
		t.Helper()
		if !reflect.DeepEqual(got, map[string]any(want)) {
			t.Errorf("answered %v, want %v", got, want)
		}
	}
	john := object{"email": "john@example.com", "password": password}
	is(g.asJSON(t, 201, "POST", "/api/register/", john, ""), object{"id": 1.0, "email": "john@example.com"})
	pair := func(path string, body any) (access string, refresh any) {
		t.Helper()
		says := g.asJSON(t, 200, "POST", path, body, "")
		if id, err := uuid.Parse(fmt.Sprint(says["refresh_token"])); err != nil || id.Version() != 4 || len(says) != 2 {
			t.Errorf("%s answered %v", path, says)
		}
		return says["access_token"].(string), says["refresh_token"]
	}
	lives := func(access string, seconds int64) {
		t.Helper()
		var c struct {
			UserID   int64 `json:"user_id"`
			Exp, IAT int64
		}
		if err := json.Unmarshal([]byte(part(t, access, 1)), &c); err != nil || members(t, access, 0)["alg"] != "HS256" || c.UserID != 1 || c.Exp-c.IAT != seconds {
			t.Errorf("the token is %+v, %v, want a life of %d s", c, err, seconds)
		}
	}
	access, first := pair("/api/login/", john)
	lives(access, 30)
	_, second := pair("/api/refresh/", object{"refresh_token": first})
	_, third := pair("/api/refresh/", object{"refresh_token": second})
	if first == second || second == third {
		t.Errorf("the refresh tokens are %v, %v, %v", first, second, third)
	}
	g.asJSON(t, 401, "POST", "/api/refresh/", object{"refresh_token": first}, "")
	access, refresh := pair("/api/login/", john)
	is(g.asJSON(t, 200, "GET", "/api/me/", nil, "Bearer "+access), object{"id": 1.0, "username": "", "email": "john@example.com"})
	is(g.asJSON(t, 200, "PUT", "/api/me/", object{"username": "John Smith"}, "Bearer "+access), object{"id": 1.0, "username": "John Smith", "email": "john@example.com"})
	if a := g.do(t, call{path: "/", bearer: access}); a.status != 200 || uuid.Validate(string(a.body)) != nil {
		t.Errorf("the service answered %d %s", a.status, a.body)
	}
	g.operatorJSON(t, "settings", "set", "dialects.constance_jwt.access_lifetime", "45s")
	access, refresh = pair("/api/refresh/", object{"refresh_token": refresh})
	lives(access, 45)
	is(g.asJSON(t, 200, "POST", "/api/logout/", object{"refresh_token": refresh}, ""), object{"success": "User logged out."})
	g.asJSON(t, 401, "POST", "/api/refresh/", object{"refresh_token": refresh}, "")
	g.do(t, call{path: "/", bearer: access}).must(t, 401, "invalid_token")
	if a := g.do(t, call{path: "/admin/"}); a.status != 302 || !strings.HasSuffix(a.header.Get("Location"), "/auth/console") {
		t.Errorf("/admin/ leads to %d %v", a.status, a.header)
	}
}

// TestSimplejwt_Example: what the notes of a client ask, in their words and paths; the session that its tokens belong to is ended at the
// portal, and with it they are.
func TestSimplejwt_Example(t *testing.T) {
	t.Parallel()
	g := startDialectExample(t, "simplejwt", "DJANGO_SECRET_KEY="+dialectKey)
	g.api(t, "POST", "/register", map[string]any{"email": "pawan@example.com", "username": "pawan", "password": password}).must(t, 201, "")
	u := g.signIn(t, &user{email: "pawan@example.com", username: "pawan", password: password}, false)
	pair := g.asJSON(t, 200, "POST", "/token/", map[string]any{"username": "pawan", "password": u.password}, "")
	access := g.asJSON(t, 200, "POST", "/varifyToken/", map[string]any{"refresh": pair["refresh"]}, "")["access"].(string)
	for _, token := range []any{pair["access"], pair["refresh"], access} {
		g.asJSON(t, 200, "POST", "/varifyToken/", map[string]any{"token": token}, "")
		g.asJSON(t, 200, "POST", "/api/token/verify/", map[string]any{"token": token}, "")
	}
	if a := g.do(t, call{path: "/", bearer: access}); a.status != 200 || string(a.body) != "pawan" {
		t.Errorf("the service answered %d %s", a.status, a.body)
	}
	g.asJSON(t, 200, "POST", "/api/token/refresh/", map[string]any{"refresh": pair["refresh"]}, "")
	g.endSession(t, u, members(t, access, 1)["sid"].(string))
	g.do(t, call{path: "/", bearer: access}).must(t, 401, "invalid_token")
	if says := g.asJSON(t, 401, "POST", "/api/token/refresh/", map[string]any{"refresh": pair["refresh"]}, ""); says["code"] != "token_not_valid" {
		t.Errorf("refresh said %v", says)
	}
}

// TestDRFUsers_Example: the same of the notes about users.
func TestDRFUsers_Example(t *testing.T) {
	t.Parallel()
	g := startDialectExample(t, "drf-users")
	u := g.newUser(t, profile{email: "ada@example.com", username: "ada"})
	admin := "Bearer " + g.asJSON(t, 200, "POST", "/api/token/", map[string]any{"username": "ada", "password": u.password}, "")["access"].(string)
	const users = "/student/authentication/"
	if a := g.do(t, call{path: users, header: map[string]string{"Authorization": admin}}); a.status != 200 || string(a.body) != `[{"id":1,"username":"ada","email":"ada@example.com"}]` {
		t.Errorf("the list is %d %s", a.status, a.body)
	}
	made := g.asJSON(t, 201, "POST", users, map[string]any{"username": "newuser", "email": "newuser@gmail.com", "password": password}, admin)
	one := users + fmt.Sprint(made["id"]) + "/"
	user := "Bearer " + g.asJSON(t, 200, "POST", "/api/token/", map[string]any{"username": "newuser", "password": password}, "")["access"].(string)
	g.asJSON(t, 200, "GET", one, nil, user)
	g.asJSON(t, 403, "DELETE", one, nil, user)
	says := g.asJSON(t, 200, "PUT", one, map[string]any{"username": "updateduser", "email": "updated@gmail.com"}, admin)
	if says["username"] != "updateduser" || says["email"] != "updated@gmail.com" {
		t.Errorf("PUT said %v", says)
	}
	if says = g.asJSON(t, 200, "PATCH", one, map[string]any{"email": "changed@gmail.com"}, admin); says["email"] != "changed@gmail.com" {
		t.Errorf("PATCH said %v", says)
	}
	if a := g.do(t, call{method: "OPTIONS", path: users, header: map[string]string{"Authorization": admin}}); a.status != 200 ||
		a.header.Get("Allow") != "GET, POST, HEAD, OPTIONS" || !strings.Contains(string(a.body), `"actions":{"POST":`) {
		t.Errorf("OPTIONS answered %d %v %s", a.status, a.header, a.body)
	}
	g.asJSON(t, 204, "DELETE", one, nil, admin)
	g.asJSON(t, 404, "GET", one, nil, admin)
}

// TestDFAuth_Example: who signs up confirms the address, who is new comes by a code, and a token opens the guard until its session ends.
func TestDFAuth_Example(t *testing.T) {
	t.Parallel()
	g := startDialectExample(t, "df-auth", "DJANGO_SECRET_KEY="+dialectKey)
	const base = "/api/v1/auth"
	ada := map[string]any{"email": "ada@example.com", "password": password}
	if says := g.asJSON(t, 201, "POST", base+"/users/", ada, ""); says["id"] != "1" || says["email"] != ada["email"] {
		t.Errorf("the new user is %v", says)
	}
	token := "Bearer " + g.asJSON(t, 200, "POST", base+"/token/", ada, "")["token"].(string)
	list := g.asJSON(t, 200, "GET", base+"/otp-devices/", nil, token)["results"].([]any)
	g.asJSON(t, 200, "POST", base+"/otp/", map[string]any{"email": ada["email"]}, token)
	confirm := fmt.Sprintf("%s/otp-devices/%.0f/confirm/?type=email", base, list[0].(map[string]any)["id"])
	g.asJSON(t, 200, "POST", confirm, map[string]any{"otp": g.waitMail(t, "ada@example.com", 1).code}, token)
	g.asJSON(t, 200, "POST", base+"/otp/", map[string]any{"email": "grace@example.com"}, "")
	grace := map[string]any{"email": "grace@example.com", "otp": g.waitMail(t, "grace@example.com", 1).code}
	token = g.asJSON(t, 200, "POST", base+"/token/", grace, "")["token"].(string)
	if a := g.do(t, call{path: "/", bearer: token}); a.status != 200 || string(a.body) != "grace@example.com" {
		t.Errorf("the service answered %d %s", a.status, a.body)
	}
	g.asJSON(t, 200, "POST", base+"/token/blacklist/", map[string]any{"refresh": token}, "")
	g.do(t, call{path: "/", bearer: token}).must(t, 401, "invalid_token")
	if says := g.asJSON(t, 401, "POST", base+"/token/verify/", map[string]any{"token": token}, ""); says["errors"] == nil {
		t.Errorf("verify said %v", says)
	}
}
