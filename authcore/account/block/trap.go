package block

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// MaxTrapped is how many addresses traps keep out at once. Administrators' rules are counted apart: whoever sends requests from many
// addresses must not use theirs up (D10).
const MaxTrapped = 10_000

const (
	// fullFor is how long nothing is asked for after the traps were full: a flood would cost a transaction for each request.
	fullFor = 5 * time.Second
	// springWithin bounds the wait for a database; whoever fell into the trap waits that long for an answer.
	springWithin = 2 * time.Second
)

// TrapStore keeps the rules that traps make.
type TrapStore interface {
	// SpringTrap stores r, and returns the rule that holds now and the version of the rules with it. Where a trap keeps the same pattern out
	// already, that rule is prolonged to r's end, if it ends earlier, and there is no second one: also of several at once, on any node.
	// [ErrTooMany] where there are most others.
	SpringTrap(ctx context.Context, r Rule, most int, fx authcore.Effects) (Rule, int64, error)
}

// TrapConfig is what a Trap stands on.
type TrapConfig struct {
	Store interface {
		Store
		TrapStore
	}
	Blocks   *Blocks
	Lifetime time.Duration  // of a rule, at least a second
	Ignored  []netip.Prefix // addresses that are never kept out, of IPv6 with their /64
	Count    func()         // is told of each time that the trap springs; it may be nil
	Logger   *slog.Logger
	Now      authcore.Clock
}

// Trap keeps addresses from signing up that have done what only programs do. It is safe for concurrent use.
type Trap struct {
	cfg TrapConfig

	mu       sync.Mutex
	springs  map[netip.Prefix]struct{} // for which a request is at the database
	fullFrom time.Time                 // when the traps were found full; zero: they were not
}

// NewTrap checks cfg.
func NewTrap(cfg TrapConfig) (*Trap, error) {
	if cfg.Store == nil || cfg.Blocks == nil || cfg.Logger == nil || cfg.Now == nil {
		return nil, errors.New("block: a trap needs store, blocks, logger and clock")
	}
	if cfg.Lifetime < time.Second {
		return nil, errors.New("block: a trap keeps out for a second at least")
	}
	if cfg.Count == nil {
		cfg.Count = func() {}
	}
	return &Trap{cfg: cfg, springs: map[netip.Prefix]struct{}{}}, nil
}

// Spring keeps the client's address, of IPv6 its /64, from signing up for the trap's lifetime, beginning now. why says in words what it did,
// without anything that the client has made up. Loopback and ignored addresses are left alone. What fails is logged, and not told: the client
// must not learn of the trap. The rule holds here when Spring returns, and on every other node within a second.
func (t *Trap) Spring(ctx context.Context, c authcore.Client, why string) {
	network, may := t.network(c.Addr)
	if !may {
		return
	}
	t.cfg.Count()
	now := t.cfg.Now.Now().UTC().Truncate(time.Microsecond)
	if !t.begin(network, now) {
		return
	}
	err := t.spring(ctx, c, network, why, now)
	t.end(network, now, errors.Is(err, ErrTooMany))
	if err != nil && !errors.Is(err, authcore.ErrUnavailable) { // a database that is away tells of itself
		t.cfg.Logger.Warn("a honey trap could not keep an address out", "component", "blocks", "addr", address(c.Addr), "error", err)
	}
}

// network returns what is kept out for an address, and whether it may be.
func (t *Trap) network(a netip.Addr) (netip.Prefix, bool) {
	a = a.Unmap().WithZone("")
	if !a.IsValid() || a.IsLoopback() || a.IsUnspecified() {
		return netip.Prefix{}, false
	}
	bits := 64
	if a.Is4() {
		bits = 32
	}
	network, err := a.Prefix(bits)
	// A rule on a /64 would hold for an ignored address in it as well.
	return network, err == nil && !slices.ContainsFunc(t.cfg.Ignored, network.Overlaps)
}

// begin reports whether the database is to be asked: not where the rule that holds is about as good as a new one, nor for a second request
// of a network at once, nor soon after the traps were full. A flood of one address costs no more than some look-ups (D10).
func (t *Trap) begin(network netip.Prefix, now time.Time) bool {
	known := t.cfg.Blocks.live.Load().trapped(network, now)
	slack := min(t.cfg.Lifetime/10, time.Minute)
	t.mu.Lock()
	defer t.mu.Unlock()
	_, busy := t.springs[network]
	full := !t.fullFrom.IsZero() && now.Sub(t.fullFrom) < fullFor && !now.Before(t.fullFrom)
	if busy || full || known != nil && known.ExpiresAt.Sub(now) > t.cfg.Lifetime-slack {
		return false
	}
	t.springs[network] = struct{}{}
	return true
}

func (t *Trap) end(network netip.Prefix, now time.Time, full bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.springs, network)
	t.fullFrom = time.Time{}
	if full {
		t.fullFrom = now
	}
}

func (t *Trap) spring(ctx context.Context, c authcore.Client, network netip.Prefix, why string, now time.Time) error {
	// Whoever closes the connection does not get away by that.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), springWithin)
	defer cancel()
	pattern := network.String()
	if network.Addr().Is4() {
		pattern = network.Addr().String()
	}
	r := Rule{ID: uuid.Must(uuid.NewV7()), Kind: IP, Pattern: pattern, For: []Act{SignUp}, Reason: why, Source: FromTrap, CreatedAt: now, ExpiresAt: now.Add(t.cfg.Lifetime)}
	e := audit.Event(authcore.EventTrapSprung, uuid.Nil, c, now)
	details, _ := json.Marshal(map[string]string{"why": why, "pattern": pattern}) // texts: cannot go wrong
	e.Details = string(details)
	r, version, err := t.cfg.Store.SpringTrap(ctx, r, MaxTrapped, authcore.Effects{Events: []authcore.Event{e}})
	if err != nil {
		return err
	}
	return t.cfg.Blocks.heedTrap(ctx, t.cfg.Store, r, version)
}
