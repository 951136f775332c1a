package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
)

const (
	defaultTrapLife = time.Hour
	longestTrapLife = 30 * 24 * time.Hour
	maxBaits        = 100
)

// TrapSettings are those of the option honey_trap.
type TrapSettings struct {
	// No trap. The default.
	Off bool `json:"off,omitempty"`

	// Paths that only programs ask for; one that ends with * is whatever begins so. They are answered by 404 at sites with `gatehouse`,
	// except where a guard decides about them.
	Baits []string `json:"baits,omitempty"`

	// How long an address is kept from signing up, 1s to 30d. Default: 1h.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`

	// The name of the hidden field in forms of sign-up. Default: website.
	Field string `json:"field,omitempty"`

	// Addresses and networks that are never kept out.
	Ignore []string `json:"ignore,omitempty"`
}

var trapOptions = []option[TrapSettings]{
	{
		name:  "lifetime",
		parse: readDuration(func(t *TrapSettings) *caddy.Duration { return &t.Lifetime }),
		check: func(t *TrapSettings) error { return within(t.Lifetime, shortest, longestTrapLife) },
	},
	{
		name:  "field",
		parse: readText(func(t *TrapSettings) *string { return &t.Field }),
		check: func(t *TrapSettings) error { return honeytrap.CheckField(cmp.Or(t.Field, honeytrap.DefaultField)) },
	},
	{
		name:  "ignore",
		parse: readWords(func(t *TrapSettings) *[]string { return &t.Ignore }),
		check: func(t *TrapSettings) error { return each(t.Ignore, checkNetwork) },
	},
}

// parseTrap reads `honey_trap <path…> [{ … }]` or `honey_trap off`.
func parseTrap(d *caddyfile.Dispenser, s *Settings) error {
	t := new(TrapSettings)
	s.HoneyTrap = t
	args := d.RemainingArgs()
	switch {
	case len(args) == 1 && args[0] == "off":
		t.Off = true
		return nil
	case len(args) == 0:
		return d.Err("honey_trap takes paths that only programs ask for, or off: honey_trap /wp-login.php /.env")
	}
	t.Baits = args
	if err := parseBlock(d, trapOptions, t); err != nil {
		return fmt.Errorf("honey_trap: %w", err)
	}
	return nil
}

func checkTrap(s *Settings) error {
	t := s.HoneyTrap
	switch {
	case t == nil:
		return nil
	case t.Off && (len(t.Baits) > 0 || t.Lifetime != 0 || t.Field != "" || len(t.Ignore) > 0):
		return errors.New("off cannot be combined with other options")
	case t.Off:
		return nil
	case len(t.Baits) == 0:
		return errors.New("it takes paths that only programs ask for, or off")
	case len(t.Baits) > maxBaits:
		return fmt.Errorf("it has at most %d paths", maxBaits)
	}
	for _, text := range t.Baits {
		if _, err := honeytrap.ParseBait(text); err != nil {
			return fmt.Errorf("%s: %w", text, err)
		}
	}
	return checkAll(trapOptions, t)
}

func checkNetwork(text string) error {
	_, err := networkOf(text)
	return err
}

// networkOf reads an address or a CIDR.
func networkOf(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	if err != nil || network.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a network such as 192.0.2.0/24", text)
	}
	return network.Masked(), nil
}

// trapRules are what honey_trap says.
type trapRules struct {
	baits    []honeytrap.Bait
	field    string
	lifetime time.Duration // 0: there is no trap
	ignored  []netip.Prefix
}

func resolveTrap(s *Settings, r *resolved) error {
	t := s.HoneyTrap
	if t == nil || t.Off {
		return nil
	}
	r.trap = trapRules{field: cmp.Or(t.Field, honeytrap.DefaultField), lifetime: orDefault(t.Lifetime, defaultTrapLife)}
	for _, text := range t.Baits {
		bait, err := honeytrap.ParseBait(text)
		if err != nil {
			return fmt.Errorf("honey_trap: %s: %w", text, err)
		}
		r.trap.baits = append(r.trap.baits, bait)
	}
	for _, text := range t.Ignore {
		network, err := networkOf(text)
		if err != nil {
			return fmt.Errorf("honey_trap: ignore: %w", err)
		}
		r.trap.ignored = append(r.trap.ignored, network)
	}
	return nil
}

// trapSettings are those of the flows.
func (a *App) trapSettings() gateway.TrapSettings {
	return gateway.TrapSettings{Lifetime: a.cfg.trap.lifetime, Ignored: a.cfg.trap.ignored, Sprung: trapsSprung.Inc, Logger: a.logger}
}
