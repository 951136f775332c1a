package testidp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// Facebook is Facebook Login and its Graph API: no id_token, a proof of the app's secret on every call, faults as an object.
type Facebook struct {
	sync.Mutex
	// User is who signs in next, as the Graph API has it; `id` is required.
	User map[string]any
	// Debug changes what is said of access tokens; nil leaves it.
	Debug func(data map[string]any)
	// Me changes what is said of whose token it is; nil leaves it.
	Me func(me map[string]any)
	// Fault is the code of a fault in place of an answer, by the step: token, debug, me.
	Fault map[string]int

	handed
	server *httptest.Server
	now    func() time.Time
	codes  map[string]grant
	access map[string]map[string]any
	calls  map[string]int
}

// StartFacebook starts a Facebook that ends with the test.
func StartFacebook(t testing.TB, now func() time.Time) *Facebook {
	t.Helper()
	f := &Facebook{now: now, Fault: map[string]int{}, codes: map[string]grant{}, access: map[string]map[string]any{}, calls: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("/{version}/dialog/oauth", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, f.Answer(r.URL.String()), http.StatusFound)
	})
	mux.HandleFunc("/{version}/oauth/access_token", f.serve("token", f.token))
	mux.HandleFunc("GET /{version}/debug_token", f.serve("debug", f.debug))
	mux.HandleFunc("GET /{version}/me", f.serve("me", f.me))
	f.server = httptest.NewServer(mux)
	t.Cleanup(f.server.Close)
	return f
}

// URL returns where it is.
func (f *Facebook) URL() string { return f.server.URL }

// Calls returns how often each endpoint was called: token, debug, me.
func (f *Facebook) Calls() map[string]int {
	f.Lock()
	defer f.Unlock()
	return maps.Clone(f.calls)
}

func (f *Facebook) serve(step string, do http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.Lock()
		defer f.Unlock()
		f.calls[step]++
		if code := f.Fault[step]; code != 0 {
			graphFault(w, code, "as the test says")
			return
		}
		if access := r.FormValue("access_token"); step != "token" && r.FormValue("appsecret_proof") != proof(access) {
			graphFault(w, 100, "Invalid appsecret_proof provided in the API argument")
			return
		}
		do(w, r)
	}
}

func proof(access string) string {
	mac := hmac.New(sha256.New, []byte(ClientSecret))
	mac.Write([]byte(access))
	return hex.EncodeToString(mac.Sum(nil))
}

func graphFault(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadRequest)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1b2"}})
}

// Answer returns where a browser is led back to that was sent to a URL of the provider, with User signed in.
func (f *Facebook) Answer(authURL string) string {
	u, err := url.Parse(authURL)
	if err != nil {
		panic(err)
	}
	f.Lock()
	defer f.Unlock()
	q, code := u.Query(), f.out(random())
	f.codes[code] = grant{q.Get("code_challenge"), "", q.Get("redirect_uri"), maps.Clone(f.User)}
	return q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}}.Encode() + "#_=_"
}

// AccessToken returns an access token of User, as an app gets it.
func (f *Facebook) AccessToken() string {
	f.Lock()
	defer f.Unlock()
	access := "EAA" + random()
	f.access[access] = maps.Clone(f.User)
	return access
}

func (f *Facebook) token(w http.ResponseWriter, r *http.Request) {
	g, known := f.codes[r.FormValue("code")]
	delete(f.codes, r.FormValue("code"))
	sum := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	switch {
	case r.FormValue("client_id") != ClientID || r.FormValue("client_secret") != ClientSecret:
		graphFault(w, 101, "Error validating client secret.")
	case !known || g.redirect != r.FormValue("redirect_uri") || g.challenge != base64.RawURLEncoding.EncodeToString(sum[:]):
		graphFault(w, 100, "This authorization code has expired.")
	default:
		access := f.out("EAA" + random())
		f.access[access] = g.user
		answer(w, map[string]any{"access_token": access, "token_type": "bearer", "expires_in": 5183944})
	}
}

func (f *Facebook) debug(w http.ResponseWriter, r *http.Request) {
	if r.FormValue("access_token") != ClientID+"|"+ClientSecret {
		graphFault(w, 190, "Invalid OAuth access token.")
		return
	}
	user, known := f.access[r.FormValue("input_token")]
	data := map[string]any{"app_id": ClientID, "type": "USER", "is_valid": known, "expires_at": f.now().Add(time.Hour).Unix(), "user_id": user["id"]}
	if f.Debug != nil {
		f.Debug(data)
	}
	answer(w, map[string]any{"data": data})
}

func (f *Facebook) me(w http.ResponseWriter, r *http.Request) {
	user, known := f.access[r.FormValue("access_token")]
	if !known {
		graphFault(w, 190, "Error validating access token: The session has been invalidated.")
		return
	}
	me := map[string]any{}
	for field := range strings.SplitSeq(r.FormValue("fields"), ",") {
		if value, ok := user[field]; ok {
			me[field] = value
		}
	}
	if f.Me != nil {
		f.Me(me)
	}
	answer(w, me)
}
