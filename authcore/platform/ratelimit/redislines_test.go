package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// TestK05_LinesOfAccountsAndOfAll: what is counted per account, and what is counted for all, is counted over the nodes together.
func TestK05_LinesOfAccountsAndOfAll(t *testing.T) {
	t.Parallel()
	rates := map[string]ratelimit.Rate{authcore.LimitLogin: {Count: 1000, Window: time.Hour},
		authcore.AccountLine(authcore.LimitLogin): {Count: 3, Window: time.Hour}, authcore.GlobalLine(authcore.LimitLogin): {Count: 7, Window: time.Hour}}
	ps := peers(t, 2, prefixed(testredis.New(t, testredis.Options{})), ratelimit.Config{Rates: rates})
	for _, account := range []string{"ada", "bob"} {
		got := 0
		for i := range 10 {
			got += ps[i%2].allowed(t, 1, authcore.Limit{Name: authcore.AccountLine(authcore.LimitLogin), Key: account})
		}
		if got != 3 {
			t.Errorf("%d of %s were allowed, want 3", got, account)
		}
	}
	got := 0
	for i := range 20 { // each from an address of its own
		got += ps[i%2].allowed(t, 1, login(fmt.Sprintf("192.0.2.%d", i)))
	}
	if got != 7 {
		t.Errorf("%d of all were allowed, want 7", got)
	}
}

// TestRedis_RatesChangeWhileItRuns: a rate that is changed on every node counts from then on, and what was counted stays counted.
func TestRedis_RatesChangeWhileItRuns(t *testing.T) {
	t.Parallel()
	ps := peers(t, 2, prefixed(testredis.New(t, testredis.Options{})), rated(4, time.Hour))
	change := func(count int, window time.Duration) {
		t.Helper()
		for _, p := range ps {
			if err := p.memory.Reconfigure(rated(count, window)); err != nil {
				t.Fatal(err)
			}
		}
	}
	ps[0].allowed(t, 1, login("a")) // a quarter of an hour
	change(2, time.Hour)
	if got := ps[1].allowed(t, 2, login("a")) + ps[0].allowed(t, 2, login("a")); got != 1 {
		t.Errorf("%d more were allowed under the stricter rate, want 1", got)
	}
	change(2, time.Minute)
	for i, p := range ps {
		if wait := p.take(t, login("a")); wait <= 0 || wait > time.Minute {
			t.Errorf("node %d: wait is %s under the shorter window, want up to a minute", i, wait)
		}
	}
	change(0, 0)
	if got := ps[0].allowed(t, 5, login("a")) + ps[1].allowed(t, 5, login("a")); got != 10 {
		t.Errorf("%d of 10 were allowed without a limit", got)
	}
	change(1, time.Hour)
	if got := ps[1].allowed(t, 3, login("b")) + ps[0].allowed(t, 3, login("b")); got != 1 {
		t.Errorf("%d were allowed once there is a limit again, want 1", got)
	}
}
