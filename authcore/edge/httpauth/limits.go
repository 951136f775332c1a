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
}

// NewLimits counts with limiter; addressKey says under which key an address is counted.
func NewLimits(limiter authcore.Limiter, addressKey func(netip.Addr) string) *Limits {
	return &Limits{limiter, addressKey}
}

// Take counts one call from addr against the named limit; "" is none. It refuses with RateLimited.
func (l *Limits) Take(ctx context.Context, name string, addr netip.Addr) error {
	if name == "" {
		return nil
	}
	wait, err := l.limiter.Take(ctx, authcore.Limit{Name: name, Key: l.addressKey(addr)})
	if err != nil {
		return fmt.Errorf("count against limit %s: %w", name, err)
	}
	if wait > 0 {
		return authcore.RefuseFor(authcore.RateLimited, "Too many requests from your address. The Retry-After header says when to try again.", wait)
	}
	return nil
}
