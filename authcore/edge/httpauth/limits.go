package httpauth

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Limits counts calls, before a byte of the body is read, and tells each caller how many are left. It is safe for concurrent use.
type Limits struct {
	limiter    authcore.Limiter
	addressKey func(netip.Addr) string
	refused    func(path string)
}

// NewLimits counts with limiter; addressKey says under which key an address is counted.
func NewLimits(limiter authcore.Limiter, addressKey func(netip.Addr) string) *Limits {
	return &Limits{limiter, addressKey, func(string) {}}
}

// TellRefused returns Limits that tell refused of every call that they refuse, by its path. It must return at once, and is called
// concurrently.
func (l *Limits) TellRefused(refused func(path string)) *Limits {
	return &Limits{l.limiter, l.addressKey, refused}
}

// Take counts one call of a path, below the prefix, against the named limit where that counts by address, and against its line over all;
// "" is none. What addr has left is in the header fields of h then. It refuses with RateLimited.
func (l *Limits) Take(ctx context.Context, h http.Header, name, path string, addr netip.Addr) error {
	if name == "" || authcore.ScopeOf(name) == authcore.PerAccount {
		return nil
	}
	return l.take(ctx, h, path, authcore.Limit{Name: name, Key: l.addressKey(addr)})
}

// TakeAccount counts one call of a path by an account: against the named limit where that counts by account, else against its line per
// account. It is [Limits.Take] otherwise.
func (l *Limits) TakeAccount(ctx context.Context, h http.Header, name, path string, account uuid.UUID) error {
	if name == "" {
		return nil
	}
	return l.take(ctx, h, path, authcore.Limit{Name: authcore.AccountLine(name), Key: account.String()})
}

// CountAccounts reports whether calls of the named limit are counted by account.
func (l *Limits) CountAccounts(name string) bool {
	return name != "" && l.limiter.On(authcore.AccountLine(name))
}

// TakeCaller is TakeAccount for a call that asks nobody to be signed in, where somebody is all the same. Credentials that do not do are
// nobody's here; they are not renewed.
func (l *Limits) TakeCaller(h http.Header, r *http.Request, in RequestInfo, auth *Authenticator, name, path string) error {
	if !l.CountAccounts(name) {
		return nil
	}
	given, err := FindCredentials(r, in.Cookies(), in.ServesHost)
	if err != nil {
		return nil
	}
	v, err := given.scheme.verify(auth, r, given)
	if err != nil {
		return nil
	}
	return l.TakeAccount(r.Context(), h, name, path, v.Principal().AccountID)
}

func (l *Limits) take(ctx context.Context, h http.Header, path string, limit authcore.Limit) error {
	took, err := l.limiter.Take(ctx, limit)
	if err != nil {
		return fmt.Errorf("count against limit %s: %w", limit.Name, err)
	}
	for _, b := range took.Budgets {
		if scope := authcore.ScopeOf(b.Name); scope == authcore.PerAddress || scope == authcore.PerAccount {
			showBudget(h, b)
		}
	}
	if took.Wait > 0 {
		l.refused(path)
		return authcore.RefuseFor(authcore.RateLimited, tooMany(took.Budgets), took.Wait)
	}
	return nil
}

// tooMany says which limit refuses.
func tooMany(budgets []authcore.Budget) string {
	who := ""
	for _, b := range budgets {
		switch scope := authcore.ScopeOf(b.Name); {
		case b.Wait == 0:
		case scope == authcore.PerAddress:
			who = " from your address"
		case scope == authcore.PerAccount:
			who = " from your account"
		}
	}
	return "Too many requests" + who + ". The Retry-After header says when to try again."
}

// showBudget adds a limit to the two lists of draft-ietf-httpapi-ratelimit-headers: its policy, and what is left of it. Only what belongs to
// the caller is shown: how full limits are that all share, or that are of a recipient, would tell strangers of others.
func showBudget(h http.Header, b authcore.Budget) {
	name := strconv.Quote(strings.Replace(b.Name, ".", " ", 1))
	add := func(field, item string) {
		if before := h.Get(field); before != "" {
			item = before + ", " + item
		}
		h.Set(field, item)
	}
	add("RateLimit-Policy", name+";q="+strconv.Itoa(b.Count)+";w="+wholeSeconds(b.Window))
	add("RateLimit", name+";r="+strconv.Itoa(b.Left)+";t="+wholeSeconds(b.Full))
}

// wholeSeconds rounds up: who waits so long finds what was promised.
func wholeSeconds(d time.Duration) string { return seconds(d + time.Second - 1) }
