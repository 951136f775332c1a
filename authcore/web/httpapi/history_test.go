package httpapi_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// signIns has two sign-ins of Ada, a failed one between them, and one of Bob.
func signIns(h *house) (ada, bob change) {
	h.Helper()
	h.account(email, username)
	h.account("bob@example.com", "bob")
	h.signIn(email, agent(iphone), from("192.0.2.8"))
	h.Clock.Advance(time.Minute)
	h.post("/login", `{"login":"ada","password":"wrong"}`, from("198.51.100.9")).refused(401, authcore.InvalidCredentials)
	h.Clock.Advance(time.Minute)
	return bearer(h.signIn(email).AccessToken), bearer(h.signIn("bob").AccessToken)
}

type loginList struct {
	Entries []struct {
		At                                            time.Time
		Result, Method, IP, Browser, OS, Device, Host string
		UserAgent                                     string  `json:"user_agent"`
		SessionID                                     *string `json:"session_id"`
		DeviceID                                      *string `json:"device_id"`
	}
	Next *string
}

func (h *house) logins(query string, who change) (l loginList) {
	h.Helper()
	h.call(http.MethodGet, "/login-history"+query, "", who).want(200).into(&l)
	return l
}

func TestLoginHistory(t *testing.T) {
	h := open(t)
	ada, bob := signIns(h)
	l := h.logins("", ada)
	if len(l.Entries) != 3 || l.Next != nil || len(h.logins("", bob).Entries) != 1 {
		t.Fatalf("%+v", l)
	}
	latest, failed, first := l.Entries[0], l.Entries[1], l.Entries[2]
	if failed.Result != "invalid_credentials" || failed.Method != "password" || failed.IP != "198.51.100.9" || failed.SessionID != nil || failed.DeviceID != nil {
		t.Errorf("a failure is %+v", failed)
	}
	if first.Result != "success" || first.IP != "192.0.2.8" || first.Browser != "Safari" || first.OS != "iOS" || first.Device != "iPhone" ||
		first.UserAgent != iphone || first.SessionID == nil || first.DeviceID == nil || *first.DeviceID == *latest.DeviceID {
		t.Errorf("the first is %+v", first)
	}
	middle := url.QueryEscape(failed.At.Format(time.RFC3339Nano))
	for query, want := range map[string]int{
		"?result=success": 2, "?result=failure": 1, "?method=password": 3, "?method=passkey": 0, "?since=" + middle: 2, "?until=" + middle: 1,
		"?since=" + middle + "&until=" + middle: 0, "?until=0001-01-01T00:00:00Z": 0, "?limit=200": 3, "?limit=2": 2,
	} {
		if got := h.logins(query, ada); len(got.Entries) != want || (got.Next != nil) != (query == "?limit=2") {
			t.Errorf("%s: %d entries, want %d", query, len(got.Entries), want)
		}
	}
	for _, query := range []string{"limit=0", "limit=201", "limit=x", "result=maybe", "method=smile", "since=yesterday", "until=1", "cursor=x"} {
		h.call(http.MethodGet, "/login-history?"+query, "", ada).refused(400, authcore.InvalidRequest)
	}
	h.call(http.MethodGet, "/login-history", "").refused(401, authcore.AuthenticationRequired)
}

func TestLoginHistory_Pages(t *testing.T) {
	h := open(t)
	ada, _ := signIns(h)
	var seen []time.Time
	for next := ""; ; {
		l := h.logins("?limit=1&cursor="+next, ada)
		for _, e := range l.Entries {
			seen = append(seen, e.At)
		}
		if l.Next == nil {
			break
		}
		next = *l.Next
	}
	if len(seen) != 3 || !seen[0].After(seen[1]) || !seen[1].After(seen[2]) {
		t.Errorf("seen are %v", seen)
	}
}

// A cursor tells when something happened and which event it was: it is good for the list and account it was made for.
func TestCursors_OfAnotherAccountOrCall(t *testing.T) {
	h := open(t)
	ada, bob := signIns(h)
	mine := *h.logins("?limit=1", ada).Next
	h.logins("?cursor="+mine, ada)
	for _, changed := range []string{mine[:len(mine)-1], "Z" + mine[1:], mine + mine} {
		h.call(http.MethodGet, "/login-history?cursor="+changed, "", ada).refused(400, authcore.InvalidRequest)
	}
	h.call(http.MethodGet, "/login-history?cursor="+mine, "", bob).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/events?cursor="+mine, "", ada).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/invitations?cursor="+mine, "", ada).refused(400, authcore.InvalidRequest)
}

func TestEvents(t *testing.T) {
	h := open(t)
	ada, _ := signIns(h)
	h.call(http.MethodPatch, "/me", `{"first_name":"Augusta"}`, ada).want(200)
	var l struct {
		Events []map[string]any
		Next   *string
	}
	h.call(http.MethodGet, "/events?limit=2", "", ada).want(200).into(&l)
	if len(l.Events) != 2 || l.Next == nil || l.Events[0]["kind"] != "account.profile_changed" || l.Events[0]["browser"] != "Firefox" || len(l.Events[0]) != 9 {
		t.Errorf("%+v", l)
	}
	h.call(http.MethodGet, "/events?cursor="+*l.Next, "", ada).want(200)
	h.call(http.MethodGet, "/events?kind=session.sign_in_failed", "", ada).want(200).into(&l)
	if len(l.Events) != 1 || l.Next != nil || l.Events[0]["result"] != "invalid_credentials" || l.Events[0]["session_id"] != nil {
		t.Errorf("%+v", l)
	}
	h.call(http.MethodGet, "/events?kind=session.smiled", "", ada).refused(400, authcore.InvalidRequest)
	h.call(http.MethodGet, "/events?limit=0", "", ada).refused(400, authcore.InvalidRequest)
}
