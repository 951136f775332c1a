package httpauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// write answers with err and returns the answer and what was logged.
func write(ctx context.Context, err error) (*httptest.ResponseRecorder, string) {
	var log bytes.Buffer
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/x", nil).WithContext(ctx)
	WriteError(w, r, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), err)
	return w, log.String()
}

// Who waits as long as told must not come too early.
func TestRetryAfter_RoundsUp(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		0: "", time.Millisecond: "1", time.Second: "1", 1001 * time.Millisecond: "2", time.Minute: "60",
	} {
		w, _ := write(t.Context(), authcore.RefuseFor(authcore.RateLimited, "Wait.", wait))
		if got := w.Header().Get("Retry-After"); w.Code != http.StatusTooManyRequests || got != want {
			t.Errorf("%v: %d, Retry-After %q, want %q", wait, w.Code, got, want)
		}
	}
}

func TestWriteError_CauseStaysInTheLog(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"unknown error":  fmt.Errorf("read row: %w", errors.New("cause-7")),
		"internal error": authcore.Refuse(authcore.Internal, "cause-7"),
		"store away":     fmt.Errorf("cause-7: %w", authcore.ErrUnavailable),
		"hidden cause":   authcore.Refuse(authcore.Unavailable, "Busy.").Because(errors.New("cause-7")),
	} {
		w, log := write(t.Context(), err)
		if w.Code < 500 || strings.Contains(w.Body.String(), "cause-7") || strings.Count(log, "cause-7") != 1 ||
			(w.Code == http.StatusServiceUnavailable) != strings.Contains(log, "level=DEBUG") { // an outage is no line for each request
			t.Errorf("%s: %d %s; log %q", name, w.Code, w.Body, log)
		}
	}
	w, log := write(t.Context(), authcore.Refuse(authcore.InvalidCode, "No.").Because(errors.New("cause-7")))
	if w.Code != 400 || strings.Contains(w.Body.String(), "cause-7") || log != "" {
		t.Errorf("refusal: %d %s; log %q", w.Code, w.Body, log)
	}
}

// An outage meets people who are not signed in as well: what it says is true for both.
func TestWriteError_OutageIsNoSignIn(t *testing.T) {
	t.Parallel()
	w, _ := write(t.Context(), authcore.ErrUnavailable)
	if body := w.Body.String(); strings.Contains(body, "You are") || !strings.Contains(body, "Nobody has been signed out.") {
		t.Error(body)
	}
}

func TestWriteError_NobodyListens(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, answer := range map[string]func() (*httptest.ResponseRecorder, string){
		"hung up, store error": func() (*httptest.ResponseRecorder, string) { return write(gone, errors.New("broken pipe")) },
		"cancelled":            func() (*httptest.ResponseRecorder, string) { return write(t.Context(), context.Canceled) },
		"out of time":          func() (*httptest.ResponseRecorder, string) { return write(t.Context(), context.DeadlineExceeded) },
	} {
		if w, log := answer(); w.Code != http.StatusServiceUnavailable || log != "" {
			t.Errorf("%s: %d, log %q", name, w.Code, log)
		}
	}
}
