package oidc_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/idp"
	"github.com/gatehouse-auth/gatehouse/authcore/account/federated/oidc"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testidp"
)

// onClock is a fake provider and a client of it on one clock, which advance moves.
func onClock(t *testing.T) (fake *testidp.Provider, p *oidc.Provider, advance func(time.Duration)) {
	t.Helper()
	var later atomic.Int64
	now := func() time.Time {
		return time.Date(2026, 11, 22, 13, 0, 0, 0, time.UTC).Add(time.Duration(later.Load()))
	}
	fake = testidp.Start(t, now)
	fake.User = map[string]any{"sub": "ada-1", "email": "ada@example.com", "email_verified": true}
	p, err := oidc.New(oidc.Config{Issuer: fake.Issuer(), ClientID: testidp.ClientID, ClientSecret: secret.FromString(testidp.ClientSecret), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return fake, p, func(d time.Duration) { later.Add(int64(d)) }
}

// Document and keys are there before anybody comes: the first sign-in makes the one call that the protocol needs.
func TestRun_Fetches(t *testing.T) {
	t.Parallel()
	fake, p, _ := onClock(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { p.Run(ctx); close(ended) }()
	for deadline := time.Now().Add(10 * time.Second); fmt.Sprint(fake.Calls()) != "map[discovery:1 keys:1]"; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(fake.Calls())
		}
	}
	if _, err := signIn(t, fake, p, nil); err != nil || fmt.Sprint(fake.Calls()) != "map[discovery:1 keys:1 token:1]" {
		t.Error(err, fake.Calls())
	}
	cancel()
	<-ended
}

// Keys are kept as long as their headers say, a minute at least and a day at most; an hour where they say nothing.
func TestRefresh_KeysByHeaders(t *testing.T) {
	t.Parallel()
	for said, kept := range map[time.Duration]time.Duration{0: time.Hour, time.Second: time.Minute, 2 * time.Hour: 2 * time.Hour, 1000 * time.Hour: 24 * time.Hour} {
		fake, p, advance := onClock(t)
		fake.KeysMaxAge = said
		p.Refresh(t.Context())
		advance(kept - time.Second)
		p.Refresh(t.Context())
		if n := fake.Calls()["keys"]; n != 1 {
			t.Errorf("max-age %s: fetched %d times before they are old", said, n)
		}
		advance(2 * time.Second)
		p.Refresh(t.Context())
		if n := fake.Calls()["keys"]; n != 2 {
			t.Errorf("max-age %s: fetched %d times", said, n)
		}
	}
}

// While newer ones cannot be had, the old ones serve for an hour more, and nobody waits for the provider. Then it is away.
func TestRefresh_OldKeysServe(t *testing.T) {
	t.Parallel()
	fake, p, advance := onClock(t)
	p.Refresh(t.Context())
	fake.Fault = func(step string, w http.ResponseWriter, _ *http.Request) bool {
		if step == "keys" {
			w.WriteHeader(http.StatusBadGateway)
		}
		return step == "keys"
	}
	advance(time.Hour + time.Minute)
	p.Refresh(t.Context())
	before := fake.Calls()["keys"]
	if _, err := signIn(t, fake, p, nil); err != nil || fake.Calls()["keys"] != before {
		t.Errorf("%v, fetched %d times more", err, fake.Calls()["keys"]-before)
	}
	advance(time.Hour)
	if _, err := signIn(t, fake, p, nil); !errors.Is(err, idp.ErrUnavailable) {
		t.Error(err)
	}
}
