package caddymodule

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge"
	"github.com/gatehouse-auth/gatehouse/authcore/enrol"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// guardOver returns a guard with the headers of the family remote, over a real verifier and n revocations that concern
// somebody else, and a bearer token that it admits.
func guardOver(tb testing.TB, n int) (*Guard, string) {
	tb.Helper()
	e := testflow.New(tb, testflow.Options{})
	tokens := e.Person(tb, enrol.Registering{Email: "ada@example.com", FirstName: "Ada"})
	v, err := edge.New(edge.Config{Keys: e.Ring, Revocations: e.Revoked, Now: e.Clock.Now})
	if err != nil {
		tb.Fatal(err)
	}
	for range n {
		e.Revoked.Apply(authcore.Revocation{SessionID: uuid.New(), AccountID: uuid.New(), Until: e.Clock.Now().Add(time.Hour)})
	}
	app := &App{cfg: &resolved{remoteUser: "email"}, node: &node{verifier: v}}
	app.origins.Store(&[]string{testflow.Client().Issuer})
	app.core.Store(&core{})
	headers, err := chosenHeaders(nil, edge.EmailAsUser)
	if err != nil {
		tb.Fatal(err)
	}
	app.strip.Store(newStripper(nil))
	return &Guard{app: app, headers: headers}, tokens.Access
}

// incomingRequest is a request as a browser or a client library sends it, with what Caddy puts into its context.
func incomingRequest(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://app.example.com/items?page=2", nil)
	for name, value := range map[string]string{
		"Accept": "*/*", "Accept-Encoding": "gzip", "Accept-Language": "en", "User-Agent": "Mozilla/5.0", "Remote-User": "root",
		"X-Request-Id": "8f14e45f", "Authorization": "Bearer " + token,
	} {
		r.Header.Set(name, value)
	}
	ctx := context.WithValue(r.Context(), caddy.ReplacerCtxKey, caddy.NewReplacer())
	ctx = context.WithValue(ctx, caddyhttp.VarsCtxKey, map[string]any{})
	return r.WithContext(ctx)
}

func BenchmarkGuard_TokenSeen(b *testing.B) {
	for _, n := range []int{0, 10_000, 1_000_000} {
		b.Run(fmt.Sprintf("revocations=%d", n), func(b *testing.B) {
			g, token := guardOver(b, n)
			next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error { return nil })
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				r := incomingRequest(token)
				authorization := r.Header["Authorization"]
				w := httptest.NewRecorder()
				for pb.Next() {
					r.Header["Authorization"] = authorization
					if err := g.ServeHTTP(w, r, next); err != nil || w.Code != http.StatusOK {
						b.Fatal(err, w.Code)
					}
				}
			})
		})
	}
}
