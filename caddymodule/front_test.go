package caddymodule

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// ghRefresh has the form of a refresh token.
const ghRefresh = "ghr_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"

// onSite is a request as Caddy hands it to a site's handlers.
func onSite(method, path string) *http.Request {
	r := httptest.NewRequest(method, path, nil)
	ctx := context.WithValue(r.Context(), caddyhttp.VarsCtxKey, map[string]any{})
	return r.WithContext(context.WithValue(ctx, caddy.ReplacerCtxKey, caddy.NewReplacer()))
}

// takenBy is a handler that is not ours. It keeps the request that it got, and sets one of our cookies.
func takenBy(got *http.Header) caddyhttp.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) error {
		*got = r.Header.Clone()
		w.Header().Add("Set-Cookie", "gatehouse=theirs")
		w.Header().Add("Set-Cookie", "theirs=1")
		w.WriteHeader(http.StatusOK)
		return nil
	}
}

// TestS04_NothingOfOursGoesBeyond: by whichever handler of ours a request comes, one that is not ours gets neither our tokens, as
// cookie, bearer or password, nor an identity from the client; and it cannot set our cookies.
func TestS04_NothingOfOursGoesBeyond(t *testing.T) {
	t.Parallel()
	b := newBenched(t, authcore.ModeBearer, 1, 0)
	b.guard.way.Policy.Optional, b.guard.way.ServesHost = true, func(string) bool { return true }
	app := b.guard.app
	onlyOpen := *b.guard
	onlyOpen.match = caddyhttp.MatcherSets{{caddyhttp.MatchPath{"/guarded"}}}
	onlyOpen.way.Matches = onlyOpen.matches
	for name, handler := range map[string]caddyhttp.MiddlewareHandler{
		"front": &front{app, false}, "front for errors": &front{app, true},
		"portal":                &Portal{app: app, strips: true, names: func(string) bool { return true }},
		"guard":                 b.guard,
		"guard for other paths": &onlyOpen,
	} {
		for line, stays := range map[string]bool{
			"Bearer " + ghRefresh: false, "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+ghRefresh)): false,
			"Basic " + base64.StdEncoding.EncodeToString([]byte("any:password")): true, "Digest x": true, "": true,
		} {
			r := onSite(http.MethodGet, "/x")
			if line != "" {
				r.Header.Set("Authorization", line)
			}
			r.Header.Set("Cookie", "gatehouse=x; theme=dark; copy="+ghRefresh)
			r.Header.Set("Remote-User", "forged")
			w, got := httptest.NewRecorder(), http.Header{}
			if err := handler.ServeHTTP(w, r, takenBy(&got)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if w.Code != http.StatusOK {
				t.Fatalf("%s, %s: %d", name, line, w.Code)
			}
			if got.Get("Cookie") != "theme=dark" || got.Get("Remote-User") != "" || (got.Get("Authorization") == line) != stays || !stays && got.Get("Authorization") != "" {
				t.Errorf("%s, %s: beyond it came %v", name, line, got)
			}
			if cookies := w.Header()["Set-Cookie"]; !slices.Equal(cookies, []string{"theirs=1"}) {
				t.Errorf("%s: the browser gets %q", name, cookies)
			}
		}
	}
}

// TestS04_AcceptedBearerStaysHere: a bearer token that the guard accepts does not go on, but with forward_token.
func TestS04_AcceptedBearerStaysHere(t *testing.T) {
	t.Parallel()
	b := newBenched(t, authcore.ModeBearer, 1, 0)
	for _, forward := range []bool{false, true} {
		b.guard.way.ForwardToken = forward
		r, got := onSite(http.MethodGet, "/x"), http.Header{}
		line := "Bearer " + b.tokens[0]
		r.Header.Set("Authorization", line)
		w := httptest.NewRecorder()
		if err := b.guard.ServeHTTP(w, r, takenBy(&got)); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%d, %v", w.Code, err)
		}
		if (got.Get("Authorization") == line) != forward {
			t.Errorf("forward_token %v: beyond it came %q", forward, got.Get("Authorization"))
		}
	}
}

// TestB09_PreflightAtAGuard: the guard answers the preflights of listed origins for what it takes, and no others.
func TestB09_PreflightAtAGuard(t *testing.T) {
	t.Parallel()
	b := newBenched(t, authcore.ModeBearer, 1, 0)
	origins, err := httpauth.NewOrigins([]string{"https://spa.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	b.guard.app.edge.Origins = origins
	b.guard.match = caddyhttp.MatcherSets{{caddyhttp.MatchMethod{"POST"}}}
	b.guard.way.Matches = b.guard.matches
	for _, c := range []struct {
		method, origin, announced string
		answered                  bool
	}{
		{"OPTIONS", "https://spa.example.com", "POST", true}, {"OPTIONS", "https://spa.example.com", "GET", false},
		{"OPTIONS", "https://evil.example.com", "POST", false}, {"OPTIONS", "https://spa.example.com", "", false},
		{"GET", "https://spa.example.com", "POST", false},
	} {
		r, got, w := onSite(c.method, "/x"), http.Header{}, httptest.NewRecorder()
		r.Header.Set("Origin", c.origin)
		if c.announced != "" {
			r.Header.Set("Access-Control-Request-Method", c.announced)
		}
		if err := b.guard.ServeHTTP(w, r, takenBy(&got)); err != nil {
			t.Fatal(err)
		}
		if answered := w.Code == http.StatusNoContent && w.Header().Get("Access-Control-Allow-Methods") == c.announced &&
			w.Header().Get("Access-Control-Allow-Origin") == c.origin; answered != c.answered || c.answered == (len(got) > 0) {
			t.Errorf("%+v: %d %v, beyond it came %v", c, w.Code, w.Header(), got)
		}
	}
}
