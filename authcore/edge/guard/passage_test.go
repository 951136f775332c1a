package guard

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"testing"
)

// answers are the ways in which a handler answers, with what it sets in the header before.
var answers = map[string]func(http.ResponseWriter) error{
	"a status":  func(w http.ResponseWriter) error { w.WriteHeader(http.StatusOK); return nil },
	"a write":   func(w http.ResponseWriter) error { _, err := io.WriteString(w, "x"); return err },
	"a flush":   func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() },
	"a flusher": func(w http.ResponseWriter) error { w.(http.Flusher).Flush(); return nil },
	"a copy": func(w http.ResponseWriter) error {
		_, err := w.(io.ReaderFrom).ReadFrom(strings.NewReader("x"))
		return err
	},
	"nothing":  func(http.ResponseWriter) error { return nil },
	"an error": func(http.ResponseWriter) error { return errors.New("somebody else answers") },
	"a hint first": func(w http.ResponseWriter) error {
		w.WriteHeader(http.StatusEarlyHints)
		_, err := io.WriteString(w, "x")
		return err
	},
	"a trailer": func(w http.ResponseWriter) error {
		w.Header().Set("Trailer", "X-Sum, set-cookie")
		_, err := io.WriteString(w, "x")
		w.Header().Set("X-Sum", "1")
		w.Header().Set("Set-Cookie", "__Host-gatehouse=late")
		w.Header().Set(http.TrailerPrefix+"Set-Cookie", "__Host-gatehouse=later")
		return err
	},
	"a switch": func(w http.ResponseWriter) error {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "x")
		w.WriteHeader(http.StatusSwitchingProtocols)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return err
		}
		return conn.Close()
	},
}

// TestB02_ServiceSetsOurCookies: however a service answers, what it sets under our names is dropped, and the cookies of a renewal
// are on the answer, once, which no cache may keep.
func TestB02_ServiceSetsOurCookies(t *testing.T) {
	t.Parallel()
	const ours = "__Host-gatehouse=ours; Path=/; HttpOnly; Secure"
	for name, answer := range answers {
		for _, renewed := range []bool{true, false} {
			handler := NextFunc(func(w http.ResponseWriter, _ *http.Request) error {
				w.Header()["Set-Cookie"] = append(w.Header()["Set-Cookie"], "app=1", "__Host-gatehouse=theirs", "gatehouse_refresh=theirs", "__Host-app=2")
				w.Header().Set("Cache-Control", "public, max-age=600")
				w.Header().Set("CDN-Cache-Control", "max-age=600")
				return answer(w)
			})
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				p := passageTo(w)
				if p.renewed = renewed; renewed {
					w.Header().Set("Set-Cookie", ours)
					p.own = []string{ours}
				}
				if p.finish(handler.ServeHTTP(p, r)) != nil {
					w.WriteHeader(http.StatusBadGateway) // as Caddy does
				}
			}))
			hints := http.Header{}
			r, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(_ int, h textproto.MIMEHeader) error { hints = http.Header(h); return nil },
			}), http.MethodGet, server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(name, err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			server.Close()
			want, cache := []string{"app=1", "__Host-app=2"}, "public, max-age=600"
			if renewed {
				want, cache = []string{ours, "app=1", "__Host-app=2"}, "private, no-store"
			}
			if got := res.Header["Set-Cookie"]; !slices.Equal(got, want) {
				t.Errorf("%s, renewed %v: got %q", name, renewed, got)
			}
			if got := res.Header.Get("Cache-Control"); got != cache || renewed && res.Header.Get("CDN-Cache-Control") != "" {
				t.Errorf("%s, renewed %v: Cache-Control is %q", name, renewed, got)
			}
			if len(res.Trailer["Set-Cookie"]) > 0 || strings.Contains(strings.Join(hints["Set-Cookie"], " "), "gatehouse") {
				t.Errorf("%s: trailers %v, hints %v", name, res.Trailer, hints)
			}
		}
	}
}
