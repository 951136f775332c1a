package caddymodule

import (
	"runtime"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/jwtkeys"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect"
	"github.com/gatehouse-auth/gatehouse/authcore/web/dialect/simplejwt"
	"github.com/gatehouse-auth/gatehouse/internal/testdialect"
)

// acceptDialect adds simplejwt to the configuration, and `accept cookie bearer dialect` to the guard.
func (b *benched) acceptDialect(tb testing.TB) {
	tb.Helper()
	seal, err := secret.NewMACKey([]byte(testdialect.Key))
	if err != nil {
		tb.Fatal(err)
	}
	key, err := jwtkeys.Shared(secret.FromString(testdialect.Key), seal)
	if err != nil {
		tb.Fatal(err)
	}
	if b.dialect, err = jwtkeys.NewForeignKeys(simplejwt.Name, []jwtkeys.Key{key}, seal); err != nil {
		tb.Fatal(err)
	}
	d := &b.guard.app.dialects
	d.keys.Store(jwtkeys.NewForeignSet(b.dialect))
	b.guard.way.Accept = httpauth.Accept{Dialect: true, Schemes: d.Schemes}
}

// signDialect signs an access token of simplejwt.
func (b *benched) signDialect(c jwtkeys.Claims, at time.Time) (string, error) {
	c.IssuedAt = at
	members := simplejwt.New(simplejwt.Options{}).Form.Access(dialect.Issued{UserID: "1", Session: c.SessionID, ID: c.ID,
		IssuedAt: at.Unix(), SignedIn: at.Unix(), ExpiresAt: c.ExpiresAt.Unix()})
	return b.dialect.Sign(jwtkeys.ForeignAccess, members, c)
}

// TestDialect_Allocations: a token of a dialect costs a guard no more than a bearer token, and a bearer token costs no more where dialects
// are accepted as well.
func TestDialect_Allocations(t *testing.T) {
	bearer := newBenched(t, authcore.ModeBearer, 1, 100)
	want := bearer.allocations(t, bearer.tokens[0])
	with := newBenched(t, authcore.ModeDialect, 1, 100)
	if got := with.allocations(t, with.tokens[0]); got > want {
		t.Errorf("a guarded request with a token of a dialect makes %v allocations, with a bearer token %v", got, want)
	}
	bearer.acceptDialect(t)
	if got := bearer.allocations(t, bearer.tokens[0]); got > want {
		t.Errorf("a guarded request with a bearer token makes %v allocations where dialects are accepted, %v elsewhere", got, want)
	}
}

// TestDialect_NoneNoCost: a configuration that names no dialect makes nothing of one when it starts: no statement, no goroutine, no key.
func TestDialect_NoneNoCost(t *testing.T) {
	a, before := new(App), runtime.NumGoroutine()
	c := new(core) // without a store, whose first call would panic
	if n := testing.AllocsPerRun(100, func() {
		if err := c.serveDialects(t.Context(), a, a.dialects.all...); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations at a start without dialects", n)
	}
	if n := runtime.NumGoroutine(); n > before { // those of tests before may end meanwhile
		t.Errorf("%d goroutines became %d", before, n)
	}
	if a.dialects.Keys() != nil || a.dialects.Schemes() != nil {
		t.Error("there are keys or words of dialects")
	}
}
