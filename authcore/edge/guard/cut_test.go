package guard

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// cutCase is a request and how it is handled.
type cutCase struct {
	handle   func(w http.ResponseWriter, r *http.Request, began func()) error
	body     bool // the client sends one that does not end
	statuses [3]int
}

// untilCancelled waits for the end of the request, as who waits for a service does.
func untilCancelled(_ http.ResponseWriter, r *http.Request, began func()) error {
	began()
	<-r.Context().Done()
	return r.Context().Err()
}

// cutCases have the status that the client gets over HTTP/1 and HTTP/2, 0 for none; where it is 200 the answer breaks off.
var cutCases = map[string]cutCase{
	"no answer yet": {untilCancelled, false, [3]int{1: 401, 2: 0}},
	"no answer yet, as the reverse proxy has it": {func(w http.ResponseWriter, r *http.Request, began func()) error {
		_ = untilCancelled(w, r, began)
		w.WriteHeader(499)
		return nil
	}, false, [3]int{1: 401, 2: 0}},
	"an answer after the cut": {func(w http.ResponseWriter, r *http.Request, began func()) error {
		_ = untilCancelled(w, r, began)
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(http.StatusOK)
		return nil
	}, false, [3]int{}},
	"upload": {func(_ http.ResponseWriter, r *http.Request, began func()) error {
		began()
		_, err := io.Copy(io.Discard, r.Body)
		return err
	}, true, [3]int{1: 401, 2: 401}},
	"upload that is not read": {untilCancelled, true, [3]int{1: 401, 2: 401}},
	"download": {func(w http.ResponseWriter, _ *http.Request, began func()) error {
		began()
		for {
			if _, err := w.Write(make([]byte, 100_000)); err != nil {
				return err
			}
		}
	}, false, [3]int{1: 200, 2: 200}},
	"download in one go": {func(w http.ResponseWriter, _ *http.Request, began func()) error {
		began()
		_, err := io.Copy(w, endless{})
		return err
	}, false, [3]int{1: 200, 2: 200}},
	"download that pauses": {func(w http.ResponseWriter, r *http.Request, began func()) error {
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		return untilCancelled(w, r, began)
	}, false, [3]int{1: 200, 2: 200}},
	"both ways": {func(w http.ResponseWriter, r *http.Request, began func()) error {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		began()
		_, err := io.Copy(w, r.Body)
		return err
	}, true, [3]int{1: 200, 2: 200}},
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// guardOver is a guard before a handler, over HTTP/1 or HTTP/2, whose registry runs and is told of revocations.
func guardOver(t *testing.T, major int, handler func(http.ResponseWriter, *http.Request) error) *liveGuard {
	t.Helper()
	l := newLiveGuard(t, handler)
	if major == 2 {
		before := l.Server
		l.Server = httptest.NewUnstartedServer(before.Config.Handler)
		l.EnableHTTP2 = true
		l.StartTLS()
		t.Cleanup(l.Close)
	}
	l.revoked.Watch(l.registry.Revoked)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go l.registry.Run(ctx)
	return l
}

// TestS13_ExchangeIsCut: a request that takes long ends with its session, on both sides: nothing that looks like a complete
// answer gets to the client.
func TestS13_ExchangeIsCut(t *testing.T) {
	t.Parallel()
	for what, c := range cutCases {
		for major := 1; major <= 2; major++ {
			t.Run(what+" over HTTP/"+string(rune('0'+major)), func(t *testing.T) {
				t.Parallel()
				began, handled := make(chan struct{}), make(chan struct{})
				l := guardOver(t, major, func(w http.ResponseWriter, r *http.Request) error {
					defer close(handled)
					return c.handle(w, r, func() { close(began) })
				})
				end := make(chan time.Time, 1)
				go func() {
					<-began
					<-time.After(600 * time.Millisecond) // so that it has lasted long
					end <- time.Now()
					l.revoked.Apply(authcore.Revocation{SessionID: l.session, AccountID: l.account, Until: time.Now().Add(time.Minute)})
				}()
				status, err := l.ask(t, c.body)
				if took := time.Since(<-end); took > 5*time.Second {
					t.Errorf("the client learns after %s", took)
				}
				if status != c.statuses[major] || (status != http.StatusUnauthorized && (err == nil || errors.Is(err, io.EOF) && status != 0)) {
					t.Errorf("the client gets %d and %v, expected %d", status, err, c.statuses[major])
				}
				select {
				case <-handled:
				case <-time.After(20 * time.Second):
					t.Error("the handler goes on")
				}
			})
		}
	}
}

// ask sends a request and returns the status of the answer and the error by which its body ends.
func (l *liveGuard) ask(t *testing.T, body bool) (status int, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.URL, nil)
	if body {
		in, out := io.Pipe()
		t.Cleanup(func() { _ = out.Close() })
		go func() { _, _ = io.Copy(out, io.LimitReader(endless{}, 1000)) }()
		req, err = http.NewRequestWithContext(t.Context(), http.MethodPost, l.URL, in)
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.Client().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// TestS13_ShortRequestIsAnswered: the request that ends its own session, as a service's sign-out does, gets its answer.
func TestS13_ShortRequestIsAnswered(t *testing.T) {
	t.Parallel()
	for major := 1; major <= 2; major++ {
		var l *liveGuard
		l = guardOver(t, major, func(w http.ResponseWriter, _ *http.Request) error {
			l.revoked.Apply(authcore.Revocation{SessionID: l.session, AccountID: l.account, Until: time.Now().Add(time.Minute)})
			<-time.After(50 * time.Millisecond) // while whoever could cut it is told
			_, err := io.WriteString(w, "signed out")
			return err
		})
		if status, err := l.ask(t, false); status != http.StatusOK || err != nil {
			t.Errorf("HTTP/%d: %d %v", major, status, err)
		}
		if n := l.registry.Len(); n != 0 {
			t.Errorf("%d are still registered", n)
		}
	}
}

// TestB02_CutBeforeTheAnswer: a service that is cut before it answers leaves nothing on the refusal of what it has set in the head: not our
// cookies, by which it would say who the browser is, and nothing that another answer would be read by.
func TestB02_CutBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	l := guardOver(t, 1, func(w http.ResponseWriter, r *http.Request) error {
		for name, value := range map[string]string{"Set-Cookie": "gatehouse=theirs; Path=/", "Content-Length": "5", "Content-Encoding": "gzip",
			"Cache-Control": "public, max-age=600", "Etag": `"1"`, "Content-Type": "text/html", "Refresh": "0; url=/elsewhere"} {
			w.Header().Set(name, value)
		}
		w.Header().Add("Set-Cookie", "app=1")
		return untilCancelled(w, r, func() { close(began) })
	})
	go func() {
		<-began
		<-time.After(600 * time.Millisecond) // so that it has lasted long
		l.revoked.Apply(authcore.Revocation{SessionID: l.session, AccountID: l.account, Until: time.Now().Add(time.Minute)})
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, l.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := l.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !strings.Contains(string(body), "invalid_token") {
		t.Errorf("%d %q (%v)", resp.StatusCode, body, err)
	}
	if lines := resp.Header["Set-Cookie"]; len(lines) > 0 {
		t.Errorf("the service sets %q", lines)
	}
	for name, want := range map[string]string{"Content-Encoding": "", "Cache-Control": "no-store", "Etag": "", "Content-Type": "application/problem+json", "Refresh": ""} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}
