package guard

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/accesstoken"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/revocation"
)

// passageTo is the passage of a request that brought nothing of ours.
func passageTo(w http.ResponseWriter) *passage {
	return &passage{Answer: liveconn.Answer{ResponseWriter: w}, jar: httpauth.NewJar("", true)}
}

// liveGuard is a guard before a handler, on a real server, with a registry that the test runs itself.
type liveGuard struct {
	*httptest.Server
	revoked  *revocation.Set
	registry *liveconn.Registry
	account  uuid.UUID
	session  uuid.UUID
	done     chan error // how the handler ended
}

// databaseOfAll knows every session.
type databaseOfAll struct{}

func (databaseOfAll) LiveSessions(_ context.Context, ids []uuid.UUID, _ time.Time) (live []authcore.LiveSession, err error) {
	for _, id := range ids {
		live = append(live, authcore.LiveSession{ID: id})
	}
	return live, nil
}

// registryOver is a registry whose snapshot is never old.
func registryOver(tb testing.TB, over authcore.Revocations) *liveconn.Registry {
	tb.Helper()
	r, err := liveconn.New(liveconn.Config{Revocations: over, Sessions: databaseOfAll{}, Logger: slog.New(slog.DiscardHandler),
		Age: func() time.Duration { return 0 }, Ended: func(liveconn.Reason) {}, Cut: func(liveconn.Ending) {}, Open: func(liveconn.Kind, int) {}})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// noKeys verifies nothing: the tests bring principals.
type noKeys struct{}

func (noKeys) Set() *jwtkeys.KeySet { return nil }
func (noKeys) UnknownKey()          {}

// guardWith is a guard whose connections are in a registry.
func guardWith(registry *liveconn.Registry) *Guard {
	e := NewEdge()
	e.Server, e.Jars, e.Counts.Refused, e.Logger = &aServer{}, [2]*httpauth.Jar{httpauth.NewJar("", false), httpauth.NewJar("", true)}, func(error) {}, slog.New(slog.DiscardHandler)
	e.Start(&Started{Connections: registry})
	return &Guard{Edge: e}
}

func newLiveGuard(t *testing.T, handler func(http.ResponseWriter, *http.Request) error) *liveGuard {
	t.Helper()
	l := &liveGuard{revoked: revocation.NewSet(nil), account: uuid.New(), session: uuid.New(), done: make(chan error, 1)}
	l.registry = registryOver(t, l.revoked)
	v, err := accesstoken.New(accesstoken.Config{Keys: noKeys{}, Revocations: l.revoked, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	who := v.Admit(authcore.Principal{AccountID: l.account, SessionID: l.session, Subject: l.account.String(), Session: l.session.String(),
		ExpiresAt: time.Now().Add(time.Hour)})
	g := guardWith(l.registry)
	l.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.done <- g.watch(passageTo(w), r, who, NextFunc(handler), false)
	}))
	t.Cleanup(l.Close)
	return l
}

// revoke ends the session once the connection is registered.
func (l *liveGuard) revoke(t *testing.T) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for l.registry.Len() == 0 {
		select {
		case <-deadline:
			t.Fatal("nothing is registered")
		case <-time.After(time.Millisecond):
		}
	}
	l.revoked.Apply(authcore.Revocation{SessionID: l.session, Until: time.Now().Add(time.Minute)})
	l.registry.Look()
}

func (l *liveGuard) dial(t *testing.T, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", l.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// TestS13_FrameThatDoesNotEnd: a service that stops in the middle of a frame does not keep the connection open.
func TestS13_FrameThatDoesNotEnd(t *testing.T) {
	t.Parallel()
	begun, frame := make(chan struct{}), append([]byte{0x82, 126, 1000 >> 8, 1000 & 0xff}, make([]byte, 1000)...)
	l := newLiveGuard(t, func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("Upgrade", "websocket")
		w.Header().Set("Connection", "Upgrade")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		_, _ = conn.Write(frame[:500])
		close(begun)
		_, err = io.Copy(io.Discard, conn)
		return errors.Join(err, r.Context().Err(), conn.Close())
	})
	_, r := l.dial(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n")
	<-begun
	l.revoke(t)
	since := time.Now()
	got, _ := io.ReadAll(r)
	if took := time.Since(since); took > 4*time.Second {
		t.Errorf("it took %s", took)
	}
	if _, frames, _ := strings.Cut(string(got), "\r\n\r\n"); len(frames) != 500 {
		t.Errorf("%d bytes of frames came, and then what is no part of one", len(frames))
	}
	if err := <-l.done; !errors.Is(err, net.ErrClosed) || !errors.Is(err, context.Canceled) {
		t.Errorf("the handler ends by %v", err)
	}
}

// TestS13_AnyProtocol: what is no WebSocket is closed without words, and what its client sent early is not lost.
func TestS13_AnyProtocol(t *testing.T) {
	t.Parallel()
	early, switched := make(chan string, 1), make(chan struct{})
	l := newLiveGuard(t, func(w http.ResponseWriter, _ *http.Request) error {
		conn, brw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		defer conn.Close()
		first := make([]byte, 5)
		_, err = io.ReadFull(brw, first)
		early <- string(first)
		_, _ = io.WriteString(brw, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
		_ = brw.Flush()
		close(switched)
		_, _ = io.Copy(io.Discard, brw)
		return err
	})
	_, r := l.dial(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\nhello")
	if got := <-early; got != "hello" {
		t.Errorf("the service got %q", got)
	}
	<-switched
	l.revoke(t)
	if got, _ := io.ReadAll(r); !strings.HasSuffix(string(got), "\r\n\r\n") {
		t.Errorf("the client got %q", got)
	}
	if err := <-l.done; err != nil {
		t.Error(err)
	}
}

// TestS13_EventsForAClientThatPipelines: with the beginning of a next request sent, net/http does not see that a deadline
// has passed. Nothing gets out all the same, and who writes learns of the end.
func TestS13_EventsForAClientThatPipelines(t *testing.T) {
	t.Parallel()
	begun, next, written := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	l := newLiveGuard(t, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: one\n\n")
		_ = http.NewResponseController(w).Flush()
		close(begun)
		<-next
		_, err := io.WriteString(w, "data: two\n\n")
		written <- err
		return nil
	})
	_, r := l.dial(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET")
	<-begun
	l.revoke(t)
	close(next)
	if err := <-written; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the second event is written: %v", err)
	}
	if got, _ := io.ReadAll(r); !strings.Contains(string(got), "one") || strings.Contains(string(got), "two") {
		t.Errorf("the client got %q", got)
	}
}

// BenchmarkGuard_Watch is what it costs a request whose answer does not last that the guard looks whether it does.
func BenchmarkGuard_Watch(b *testing.B) {
	g := guardWith(registryOver(b, revocation.NewSet(nil)))
	who, r := new(accesstoken.Verified), httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8")
	w := httptest.NewRecorder()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	body := []byte("x")
	answer := NextFunc(func(w http.ResponseWriter, _ *http.Request) error {
		w.WriteHeader(http.StatusOK)
		_, err := w.Write(body)
		return err
	})
	for what, serve := range map[string]func() error{
		"bare": func() error { return answer(w, r) }, "watched": func() error { return g.watch(passageTo(w), r, who, answer, false) },
	} {
		b.Run(what, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := serve(); err != nil {
					b.Fatal(err)
				}
				w.Body.Reset()
			}
		})
	}
}
