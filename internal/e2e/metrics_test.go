package e2e

import (
	"strings"
	"testing"
	"time"
)

// TestMetrics_TellWhatHappened: each metric moves with what it tells of, by as much as happened.
func TestMetrics_TellWhatHappened(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\n\t\trate_limit token_verify 1/1h\n\t\tlockout {\n\t\t\tfailures 2\n\t\t}\n"})
	u := g.newUser(t)
	moves := func(sample string, by float64, do func()) {
		t.Helper()
		before := g.metric(t, sample)
		if before < 0 {
			t.Errorf("there is no %s", sample)
		}
		do()
		if after := g.metric(t, sample); after-before != by {
			t.Errorf("%s was %v and is %v, want %v more", sample, before, after, by)
		}
	}
	login := func(pass string, status int, code string) func() {
		return func() {
			g.api(t, "POST", "/login", map[string]any{"login": u.email, "password": pass}).want(t, status, code)
		}
	}
	refresh := func(token string, status int, code string) answer {
		return g.api(t, "POST", "/refresh", map[string]any{"refresh_token": token}).want(t, status, code)
	}
	verify := func() { g.api(t, "POST", "/token/verify", map[string]any{"token": u.access}) }
	old, second := u.refresh, ""

	moves(`gatehouse_logins_total{method="password",outcome="success"}`, 1, login(u.password, 200, ""))
	moves(`gatehouse_password_hashes_total{outcome="success"}`, 1, login("not this one 77", 401, "invalid_credentials"))
	moves(`gatehouse_password_hash_wait_seconds_count`, 1, login("not this one 78", 401, "invalid_credentials"))
	moves(`gatehouse_limit_refusals_total{outcome="lockout",scope="account"}`, 1, login(u.password, 429, "account_locked"))
	verify()
	moves(`gatehouse_limit_refusals_total{outcome="token_verify",scope="address"}`, 1, verify)
	moves(`gatehouse_refreshes_total{outcome="success"}`, 1, func() { second = refresh(old, 200, "").text("refresh_token") })
	moves(`gatehouse_refreshes_repeated_total`, 1, func() { refresh(old, 200, "") })
	refresh(second, 200, "")
	moves(`gatehouse_revocations_total{origin="here"}`, 1, func() {
		moves(`gatehouse_refreshes_total{outcome="refresh_token_reused"}`, 1, func() {
			moves(`gatehouse_revocations_held`, 1, func() { refresh(old, 401, "refresh_token_reused") })
		})
	})
	moves(`gatehouse_guard_decisions_total{outcome="invalid_token"}`, 1, func() { g.do(t, call{path: "/x", bearer: u.access}).want(t, 401, "invalid_token") })
	moves(`gatehouse_token_cache_entries`, 1, func() {
		other := g.newUser(t).access
		g.do(t, call{path: "/x", bearer: other}).want(t, 200, "")
		g.do(t, call{path: "/x", bearer: other}).want(t, 200, "") // a token is cached when it comes again
	})

	for sample, within := range map[string][2]float64{
		`gatehouse_ready`: {1, 1}, `gatehouse_database_up`: {1, 1}, `gatehouse_database_writable`: {1, 1}, `gatehouse_mail_up`: {1, 1},
		`gatehouse_database_connections_max`: {4, 1000}, `gatehouse_database_waiting`: {0, 10}, `gatehouse_password_hashes_queue_max`: {64, 1e6},
		`gatehouse_password_hashes_running`: {0, 0}, `gatehouse_password_hashes_queued`: {0, 0}, `gatehouse_token_cache_bytes`: {300, 1e5},
		`gatehouse_token_cache_max_bytes`: {128 << 20, 128 << 20}, `gatehouse_token_cache_evictions_total`: {0, 0},
		`gatehouse_signing_key_age_seconds{use="bearer"}`: {0.1, 600}, `gatehouse_signing_key_age_seconds{use="cookie"}`: {0.1, 600},
		`gatehouse_revocation_view_max_age_seconds`: {0, 0}, `gatehouse_database_calls_total{outcome="success"}`: {20, 1e5},
		`gatehouse_database_call_seconds_count{kind="write"}`: {10, 1e5}, `gatehouse_database_calls_total{outcome="other"}`: {0, 0},
		`gatehouse_redis_counters_up`: {-1, -1}, `gatehouse_nodes`: {-1, -1}, `gatehouse_clock_skew_seconds`: {-1, -1}, // -1 is: not there
	} {
		if v := g.metric(t, sample); v < within[0] || v > within[1] {
			t.Errorf("%s is %v, want it within %v", sample, v, within)
		}
	}
	keys := g.metric(t, `gatehouse_signing_key_age_seconds{use="bearer"}`)
	if out, errs, code := g.Command(t, "keys", "rotate", "--config", "Caddyfile"); code != 0 {
		t.Fatal(out, errs)
	}
	inTime(t, 10*time.Second, "the key is a new one", func() bool {
		return g.metric(t, `gatehouse_signing_key_age_seconds{use="bearer"}`) < min(keys, 5)
	})
	// A reload has a new registry; what was counted goes on in it.
	before := g.metric(t, `gatehouse_logins_total{method="password",outcome="success"}`)
	g.mustReload(t, plan{})
	if after := g.metric(t, `gatehouse_logins_total{method="password",outcome="success"}`); after != before || g.metric(t, "gatehouse_ready") != 1 {
		t.Errorf("after a reload %v sign-ins are counted, before it %v", after, before)
	}
	if strings.Contains(g.logs(), "register metrics") {
		t.Error("the reload complains of metrics")
	}
}
