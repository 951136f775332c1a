package testdjango_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testdjango"
)

// TestNew_TheRealPackagesAnswer: a pair, an own list of users, and an option for one request.
func TestNew_TheRealPackagesAnswer(t *testing.T) {
	t.Parallel()
	s := testdjango.New(t, testdjango.Options{Key: "simplejwt-test-key-0123456789abcdef", Accounts: []testdjango.Account{
		{Username: "ada", Email: "ada@example.com", Password: "a password of Ada", Staff: true},
		{Username: "bob", Password: "a password of Bob", Inactive: true},
	}})
	ask := func(method, path, body string, header ...string) (int, map[string]string) {
		r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var got map[string]string
		if answer.Header.Get("Content-Type") == "application/json" {
			_ = json.NewDecoder(answer.Body).Decode(&got) // a list has no members
		}
		return answer.StatusCode, got
	}
	status, pair := ask("POST", "/api/token/", `{"username":"ada","password":"a password of Ada"}`)
	if status != 200 || pair["access"] == "" || pair["refresh"] == "" {
		t.Fatalf("answered %d %v", status, pair)
	}
	if status, _ := ask("GET", "/student/authentication/", "", "Authorization", "Bearer "+pair["access"]); status != 200 {
		t.Errorf("the list answered %d", status)
	}
	if status, _ := ask("POST", "/api/token/", `{"username":"bob","password":"a password of Bob"}`); status != 401 {
		t.Errorf("an inactive account: %d", status)
	}
	refresh := `{"refresh":"` + pair["refresh"] + `"}`
	if _, got := ask("POST", "/api/token/refresh/", refresh); got["refresh"] != "" {
		t.Error("rotated without the option")
	}
	if _, got := ask("POST", "/api/token/refresh/", refresh, "X-Options", "rotate blacklist"); got["refresh"] == "" {
		t.Error("not rotated")
	}
	if status, got := ask("POST", "/api/token/refresh/", refresh); status != 401 || got["code"] != "token_not_valid" {
		t.Errorf("a blacklisted token: %d %v", status, got)
	}
}
