package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// follower is a client that follows events.
type follower struct {
	status int
	header http.Header
	told   chan toldEvent // closed when the stream ends
	cut    func()
}

type toldEvent struct {
	mark string
	body map[string]any
}

// follow connects, and returns when the head of the answer is there.
func (h *house) follow(query string, changes ...change) *follower {
	h.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requestInfo(func(*httpauth.RequestInfo) {})(r)
		h.handler.ServeHTTP(w, r)
	}))
	ctx, cut := context.WithCancel(context.Background())
	h.Cleanup(server.Close)
	h.Cleanup(cut)
	r := must(http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/auth/admin/events/stream?"+query, nil))(h.T)
	for _, c := range changes {
		c(r)
	}
	resp := must(server.Client().Do(r))(h.T)
	f := &follower{status: resp.StatusCode, header: resp.Header, told: make(chan toldEvent, 100), cut: cut}
	go func() {
		defer close(f.told)
		defer resp.Body.Close()
		var e toldEvent
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.mark = value
			case "data":
				if json.Unmarshal([]byte(value), &e.body) == nil {
					f.told <- e
				}
				e = toldEvent{}
			}
		}
	}()
	return f
}

// next waits for an event; nil for the end of the stream.
func (h *house) next(f *follower) (e toldEvent) {
	h.Helper()
	select {
	case e = <-f.told:
	case <-time.After(10 * time.Second):
		h.Fatal("nothing is told")
	}
	return e
}

// Events are told as they happen, to administrators and auditors; who comes back is told of what it has missed, once.
func TestAdmin_FollowsEvents(t *testing.T) {
	h := open(t, plan{live: true})
	user, asUser := h.withRoles("user.one")
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	const path = "/admin/events/stream"
	h.call(http.MethodGet, path, "", asUser).refused(403, authcore.Forbidden)
	h.call(http.MethodGet, path, "").refused(401, authcore.AuthenticationRequired)
	h.call(http.MethodHead, path, "", asAuditor).want(200)
	for _, query := range []string{"?kind=none", "?ip=x", "?last_event_id=x", "?last_event_id=" + uuid.NewString()} {
		h.call(http.MethodGet, path+query, "", asAuditor).refused(400, authcore.InvalidRequest)
	}
	fail := func() { h.call(http.MethodPost, "/login", `{"login":"user.one","password":"wrong"}`).want(401) }
	fail()
	f := h.follow("kind=session.*&account="+user.ID.String(), asAuditor)
	if f.status != 200 || f.header.Get("Content-Type") != "text/event-stream" || f.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("answered %d %v", f.status, f.header)
	}
	began := time.Now()
	h.signIn("user.one")
	fail()
	in := h.next(f)
	if in.body["kind"] != "session.signed_in" || in.body["account"].(map[string]any)["label"] != "user.one@example.com" || in.mark == "" {
		t.Errorf("told %v", in)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
	if e := h.next(f); e.body["kind"] != "session.sign_in_failed" {
		t.Errorf("told %v", e)
	}
	f.cut()
	h.signIn("user.one")
	missed := []string{"session.sign_in_failed", "session.signed_in"}
	for _, mark := range []string{in.mark, in.body["id"].(string)} { // or the id of the event
		again := h.follow("kind=session.*&account="+user.ID.String(), asAuditor, header("Last-Event-ID", mark))
		for _, kind := range missed {
			if e := h.next(again); e.body["kind"] != kind {
				t.Errorf("told %v, want %s", e, kind)
			}
		}
		fail()
		if e := h.next(again); e.body["kind"] != "session.sign_in_failed" {
			t.Errorf("told %v", e)
		}
		missed = append(missed, "session.sign_in_failed")
		again.cut()
	}
	if n := len(h.adminEvents(uuid.Nil)); n != 6 { // four were refused, and somebody without a role; reads of one list by one caller within a minute are one
		t.Errorf("%d events tell of it", n)
	}
}

// TestS08_StreamsEnd: the stream of events ends with the session and with the role, whether this node was told or only the database knows.
func TestS08_StreamsEnd(t *testing.T) {
	h := open(t, plan{live: true})
	h.account("keeps@example.com", "keeps", func(a *authcore.Account) { a.Roles = []string{authcore.RoleAdmin} })
	elsewhere := h.Elsewhere(t)
	ends := map[string]func(authcore.Account, uuid.UUID) error{
		"signed out": func(a authcore.Account, s uuid.UUID) error {
			_, err := h.Store.RevokeSessions(t.Context(), a.ID, []uuid.UUID{s}, false, h.Clock.Now(), authcore.Effects{})
			return err
		},
		"signed out elsewhere": func(a authcore.Account, s uuid.UUID) error {
			_, err := elsewhere.RevokeSessions(t.Context(), a.ID, []uuid.UUID{s}, false, h.Clock.Now(), authcore.Effects{})
			return err
		},
		"role taken": func(a authcore.Account, _ uuid.UUID) error {
			_, err := h.Store.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: a.ID, Remove: []string{authcore.RoleAuditor}, Now: h.Clock.Now()})
			return err
		},
		"role taken elsewhere": func(a authcore.Account, _ uuid.UUID) error {
			_, err := elsewhere.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: a.ID, Remove: []string{authcore.RoleAuditor}, Now: h.Clock.Now()})
			return err
		},
	}
	open := map[string]*follower{}
	for name, end := range ends {
		login := strings.ReplaceAll(name, " ", ".")
		a := h.account(login+"@example.com", login, func(a *authcore.Account) { a.Roles = []string{authcore.RoleAuditor} })
		p := h.signIn(login)
		open[name] = h.follow("kind=invitation.*", bearer(p.AccessToken))
		if err := end(a, uuid.MustParse(p.SessionID)); err != nil {
			t.Fatal(err)
		}
	}
	_, asAuditor := h.withRoles("auditor.one", authcore.RoleAuditor)
	stays := h.follow("kind=invitation.*", asAuditor)
	late := time.After(12 * time.Second)
	for name, f := range open {
		select {
		case e, more := <-f.told:
			if more {
				t.Errorf("%s: told %v", name, e)
			}
		case <-late: // long before the registry of connections asks the database by itself
			t.Fatalf("%s: it goes on", name)
		}
	}
	// A node takes so many and no more.
	for h.EventLive.Readers() < eventlog.MaxReaders {
		if f := h.follow("kind=invitation.*", asAuditor); f.status != 200 {
			t.Fatalf("answered %d", f.status)
		}
	}
	h.call(http.MethodGet, "/admin/events/stream", "", asAuditor).refused(409, authcore.LimitReached)
	// The end of a configuration does not wait for its readers.
	h.EventLive.Close()
	if _, more := <-stays.told; more {
		t.Error("it goes on")
	}
	h.call(http.MethodGet, "/admin/events/stream", "", asAuditor).refused(503, authcore.Unavailable)
}
