package load

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestH2 counts what a server has answered, over HTTP/2 and with a browser's headers.
func TestH2(t *testing.T) {
	t.Parallel()
	var answered, strange atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 || r.Header.Get("Sec-Fetch-Mode") != "cors" || r.Header.Get("Authorization") != "Bearer x" {
			strange.Add(1)
		}
		if answered.Add(1)%2 == 0 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	got, err := H2(t.Context(), Load{Host: strings.TrimPrefix(s.URL, "https://"), Header: "Authorization", Value: "Bearer x", For: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	n := int(answered.Load())
	if got.Requests == 0 || got.Requests > n || got.Requests < n-Connections || got.Refused < got.Requests/2-Connections || got.Broken != 0 || strange.Load() != 0 {
		t.Errorf("counted %+v of %d, %d of them strange", got, n, strange.Load())
	}
	if got.P50 <= 0 || got.P99 < got.P50 || got.Took < 300*time.Millisecond {
		t.Errorf("times %+v", got)
	}
}
