package httpauth_test

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

var someone = netip.MustParseAddr("192.0.2.1")

func limitsOf(t *testing.T, rates map[string]ratelimit.Rate) *httpauth.Limits {
	t.Helper()
	now := time.Now()
	m, err := ratelimit.NewMemory(ratelimit.Config{Rates: rates, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return httpauth.NewLimits(m, ratelimit.AddressKey)
}

func shown(h http.Header) string { return h.Get("RateLimit-Policy") + " | " + h.Get("RateLimit") }

// TestL14_ThirtyOneAtOnce: of 31 sign-ins at once from one address one is refused, and each answer tells what is left.
func TestL14_ThirtyOneAtOnce(t *testing.T) {
	t.Parallel()
	l := limitsOf(t, nil)
	var mu sync.Mutex
	left, refused := map[string]int{}, 0
	var all sync.WaitGroup
	for range 31 {
		all.Go(func() {
			h := http.Header{}
			err := l.Take(t.Context(), h, authcore.LimitLogin, "/login", someone)
			mu.Lock()
			defer mu.Unlock()
			left[h.Get("RateLimit")]++
			if h.Get("RateLimit-Policy") != `"login";q=30;w=60` {
				t.Errorf("policy %s", h.Get("RateLimit-Policy"))
			}
			if authcore.CodeOf(err) == authcore.RateLimited {
				refused++
			}
		})
	}
	all.Wait()
	for i := range 30 {
		want := `"login";r=` + strconv.Itoa(29-i) + `;t=` + strconv.Itoa(2*(i+1))
		if n := left[want]; n != 1 && (i < 29 || n != 2) { // the last two have nothing left
			t.Errorf("%s was answered %d times", want, n)
		}
	}
	if refused != 1 {
		t.Errorf("%d are refused", refused)
	}
}

// A caller sees what is theirs of a limit, and nothing of what all or recipients share.
func TestLimits_ShowWhatIsTheCallers(t *testing.T) {
	t.Parallel()
	hour := func(n int) ratelimit.Rate { return ratelimit.Rate{Count: n, Window: time.Hour} }
	l := limitsOf(t, map[string]ratelimit.Rate{"login": hour(3), "login.account": hour(2), "login.global": hour(4), "forgot": {}, "forgot.global": hour(1)})
	ada := uuid.New()
	h := http.Header{}
	if l.Take(t.Context(), h, "login", "/login", someone) != nil || l.TakeAccount(t.Context(), h, "login", "/login", ada) != nil ||
		shown(h) != `"login";q=3;w=3600, "login account";q=2;w=3600 | "login";r=2;t=1200, "login account";r=1;t=1800` {
		t.Errorf("address and account: %s", shown(h))
	}
	h = http.Header{}
	if l.TakeAccount(t.Context(), h, "export", "/me/export", ada) != nil || shown(h) != `"export";q=5;w=86400 | "export";r=4;t=17280` {
		t.Errorf("what counts by account alone: %s", shown(h))
	}
	h = http.Header{}
	if err := l.Take(t.Context(), h, "forgot", "/password/forgot", someone); err != nil || shown(h) != " | " {
		t.Errorf("over all: %s (%v)", shown(h), err)
	}
	err := l.Take(t.Context(), h, "forgot", "/password/forgot", someone)
	if authcore.CodeOf(err) != authcore.RateLimited || shown(h) != " | " || strings.Contains(err.Error(), "your") {
		t.Errorf("refused by the limit over all: %s (%v)", shown(h), err)
	}
	h = http.Header{}
	_ = l.TakeAccount(t.Context(), http.Header{}, "login", "/login", ada)
	err = l.TakeAccount(t.Context(), h, "login", "/login", ada)
	if authcore.CodeOf(err) != authcore.RateLimited || shown(h) != `"login account";q=2;w=3600 | "login account";r=0;t=3600` || !strings.Contains(err.Error(), "your account") {
		t.Errorf("refused by the account's: %s (%v)", shown(h), err)
	}
}
