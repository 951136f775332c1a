package load

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := parse("Running 3s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n" +
		`figures: {"requests":24512,"took":3001250,"refused":3,"broken":1,"p50":3640.0,"p99":11500.5,"wrapped":2}` + "\n")
	want := Result{Requests: 24512, Took: 3001250 * time.Microsecond, Refused: 3, Broken: 1,
		P50: 3640 * time.Microsecond, P99: 11500500 * time.Nanosecond, Wrapped: 2}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if rate := got.Rate(); rate < 8167 || rate > 8168 {
		t.Errorf("rate %v, want 24512 in 3.00125 s", rate)
	}
	for _, bad := range []string{"", "unable to connect", "figures: {", `figures: {"requests":1}`} {
		if got, err := parse(bad); err == nil {
			t.Errorf("%q: got %+v without an error", bad, got)
		}
	}
}

// seen counts requests by the value of a header.
type seen struct {
	mu     sync.Mutex // guards values
	values map[string]int
	*httptest.Server
}

func listen(t *testing.T, header string, status int) *seen {
	t.Helper()
	s := &seen{values: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.values[r.Header.Get(header)]++
		s.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *seen) host() string { return strings.TrimPrefix(s.URL, "http://") }

func poolOf(t *testing.T, lines ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pool")
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestRun(t *testing.T) {
	t.Parallel()
	w, err := FindWrk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := listen(t, "Authorization", http.StatusUnauthorized)
	got, err := w.Run(t.Context(), Load{Host: s.host(), Header: "Authorization", Value: "Bearer a", For: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if got.Requests == 0 || got.Refused != got.Requests || got.Broken != 0 || got.P50 <= 0 || got.P99 < got.P50 || got.Wrapped != 0 {
		t.Errorf("counted %+v of answers that all refuse", got)
	}
	got, err = w.Run(t.Context(), Load{Host: s.host(), Header: "Authorization", Value: "Bearer ", Pool: poolOf(t, "b", "c", "d"), For: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if got.Wrapped == 0 || got.Wrapped < got.Requests/3-1 || got.Wrapped > (got.Requests+Connections)/3 {
		t.Errorf("%d requests used a pool of three up %d times", got.Requests, got.Wrapped)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.values) != 4 || s.values["Bearer a"] == 0 || s.values["Bearer d"] == 0 {
		t.Errorf("the server saw %d values, want the fixed one and the three of the pool", len(s.values))
	}
}

func TestRun_PostsABody(t *testing.T) {
	t.Parallel()
	w, err := FindWrk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const body = `{"token":"\"\\"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/" || string(got) != body || r.Header.Get("Content-Type") != "application/json" {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(s.Close)
	got, err := w.Run(t.Context(), Load{Host: strings.TrimPrefix(s.URL, "http://"), Path: "/api/", Body: body, For: time.Second})
	if err != nil || got.Requests == 0 || got.Refused+got.Broken > 0 {
		t.Errorf("counted %+v, %v", got, err)
	}
}

func TestRun_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	w, err := FindWrk(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := listen(t, "Cookie", http.StatusOK)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Run(ctx, Load{Host: s.host(), Header: "Cookie", Value: "a=b", For: time.Hour}); err == nil {
		t.Error("no error")
	}
	if _, err := w.Run(t.Context(), Load{Host: s.host(), For: 1500 * time.Millisecond}); err == nil {
		t.Error("half a second is taken, and wrk would not have run it")
	}
}

func TestOnce(t *testing.T) {
	t.Parallel()
	s := listen(t, "Authorization", http.StatusOK)
	values := make([]string, 1000)
	for i := range values {
		values[i] = "Bearer " + strings.Repeat("x", i+1)
	}
	if err := Once(t.Context(), s.host(), "Authorization", values); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		if n := s.values[v]; n != 1 {
			t.Fatalf("one of the values was sent %d times", n)
		}
	}
	refusing := listen(t, "Authorization", http.StatusUnauthorized)
	if err := Once(t.Context(), refusing.host(), "Authorization", values[:1]); err == nil {
		t.Error("a refusal is no error")
	}
}
