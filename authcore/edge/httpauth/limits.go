package httpauth

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Limits counts calls by client address, before a byte of the body is read. It is safe for concurrent use.
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

// Take counts one call of a path, below the prefix, from addr against the named limit; "" is none. It refuses with RateLimited.
func (l *Limits) Take(ctx context.Context, name, path string, addr netip.Addr) error {
	if name == "" {
		return nil
	}
	wait, err := l.limiter.Take(ctx, authcore.Limit{Name: name, Key: l.addressKey(addr)})
	if err != nil {
		return fmt.Errorf("count against limit %s: %w", name, err)
	}
	if wait > 0 {
		l.refused(path)
		return authcore.RefuseFor(authcore.RateLimited, "Too many requests from your address. The Retry-After header says when to try again.", wait)
	}
	return nil
}
