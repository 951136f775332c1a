package testidp

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// GitHub is a GitHub Enterprise Server: errors with status 200, answers by a form to who does not ask for JSON, nobody without a User-Agent.
type GitHub struct {
	sync.Mutex
	// User is who signs in next, as /user has it; `id` is required.
	User map[string]any
	// Emails is what /user/emails answers.
	Emails []map[string]any
	// Organisations and Teams are what /user/orgs and /user/teams answer.
	Organisations, Teams []map[string]any
	// Check changes what is said of an access token; nil leaves it.
	Check func(said map[string]any)
	// Fault answers in place of an endpoint, by its path; nil or false: none.
	Fault func(path string, w http.ResponseWriter) bool

	handed
	server *httptest.Server
	codes  map[string]grant
	access map[string]map[string]any
	calls  map[string]int
}

// StartGitHub starts a GitHub that ends with the test.
func StartGitHub(t testing.TB) *GitHub {
	t.Helper()
	g := &GitHub{codes: map[string]grant{}, access: map[string]map[string]any{}, calls: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/login/oauth/authorize", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, g.Answer(r.URL.String()), http.StatusFound)
	})
	mux.HandleFunc("POST /login/oauth/access_token", g.serve(g.token))
	mux.HandleFunc("POST /api/v3/applications/"+ClientID+"/token", g.serve(g.check))
	mux.HandleFunc("GET /api/v3/user", g.serve(g.person(func(user map[string]any, _ *http.Request) any { return user })))
	mux.HandleFunc("GET /api/v3/user/emails", g.serve(g.person(func(_ map[string]any, r *http.Request) any { return page(g.Emails, r) })))
	mux.HandleFunc("GET /api/v3/user/orgs", g.serve(g.person(func(_ map[string]any, r *http.Request) any { return page(g.Organisations, r) })))
	mux.HandleFunc("GET /api/v3/user/teams", g.serve(g.person(func(_ map[string]any, r *http.Request) any { return page(g.Teams, r) })))
	g.server = httptest.NewServer(mux)
	t.Cleanup(g.server.Close)
	return g
}

// URL returns where it is.
func (g *GitHub) URL() string { return g.server.URL }

// Calls returns how often each path was called.
func (g *GitHub) Calls() map[string]int {
	g.Lock()
	defer g.Unlock()
	return maps.Clone(g.calls)
}

func (g *GitHub) serve(do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		g.Lock()
		defer g.Unlock()
		g.calls[r.URL.Path]++
		if strings.HasPrefix(r.UserAgent(), "Go-http-client") || r.UserAgent() == "" {
			http.Error(w, "Request forbidden by administrative rules. Please make sure your request has a User-Agent header", http.StatusForbidden)
			return
		}
		if g.Fault == nil || !g.Fault(r.URL.Path, w) {
			do(w, r)
		}
	}
}

func page(all []map[string]any, r *http.Request) []map[string]any {
	size, _ := strconv.Atoi(r.FormValue("per_page"))
	number, _ := strconv.Atoi(r.FormValue("page"))
	from := min(max(number-1, 0)*size, len(all))
	return append([]map[string]any{}, all[from:min(from+size, len(all))]...)
}

// Answer returns where a browser is led back to that was sent to a URL of the provider, with User signed in.
func (g *GitHub) Answer(authURL string) string {
	u, err := url.Parse(authURL)
	if err != nil {
		panic(err)
	}
	g.Lock()
	defer g.Unlock()
	q, code := u.Query(), g.out(random())
	g.codes[code] = grant{q.Get("code_challenge"), "", q.Get("redirect_uri"), maps.Clone(g.User)}
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {g.server.URL + "/login/oauth"}}.Encode()
}

// AccessToken returns an access token of User, as an app gets it.
func (g *GitHub) AccessToken() string {
	g.Lock()
	defer g.Unlock()
	access := "gho_" + random()
	g.access[access] = maps.Clone(g.User)
	return access
}

func (g *GitHub) token(w http.ResponseWriter, r *http.Request) {
	code, known := g.codes[r.FormValue("code")]
	delete(g.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	body := map[string]string{"token_type": "bearer", "scope": "read:user,user:email"}
	switch {
	case r.FormValue("client_id") != ClientID || r.FormValue("client_secret") != ClientSecret:
		body = map[string]string{"error": "incorrect_client_credentials", "error_description": "The client_id and/or client_secret passed are incorrect."}
	case !known || code.redirect != r.FormValue("redirect_uri") || code.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		body = map[string]string{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}
	default:
		body["access_token"] = g.out("gho_" + random())
		g.access[body["access_token"]] = code.user
	}
	if r.Header.Get("Accept") == "application/json" {
		answer(w, body)
		return
	}
	form := url.Values{}
	for name, value := range body {
		form.Set(name, value)
	}
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	_, _ = w.Write([]byte(form.Encode()))
}

func (g *GitHub) person(of func(user map[string]any, r *http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, known := g.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		if !known {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer(w, of(user, r))
	}
}

func (g *GitHub) check(w http.ResponseWriter, r *http.Request) {
	var body struct {
		AccessToken string `json:"access_token"`
	}
	id, password, _ := r.BasicAuth()
	user, known := map[string]any(nil), false
	if json.NewDecoder(r.Body).Decode(&body) == nil {
		user, known = g.access[body.AccessToken]
	}
	if id != ClientID || password != ClientSecret || !known {
		w.WriteHeader(http.StatusNotFound)
		answer(w, map[string]string{"message": "Not Found"})
		return
	}
	said := map[string]any{"id": 1, "app": map[string]any{"client_id": ClientID, "name": "Gatehouse"}, "user": map[string]any{"id": user["id"], "login": user["login"]}}
	if g.Check != nil {
		g.Check(said)
	}
	answer(w, said)
}
