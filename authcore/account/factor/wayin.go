package factor

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
)

// WayLeft is whether the owner of an account could still sign in, and by what.
type WayLeft struct {
	None bool
	authcore.LastWay
}

// WaysIn are those into accounts, as far as they depend on factors.
type WaysIn struct{ *Factors }

// Left returns what would be left of the ways into an account, as it would be after a change that takes one. [authcore.InvalidToken] when
// the account is gone.
func (f WaysIn) Left(ctx context.Context, after authcore.Account) (WayLeft, error) {
	if !after.MFAEnabled() && f.required(after) == "" && f.cfg.Ways.Has(after, nil) {
		return WayLeft{}, nil // no factor needs to be read
	}
	s, err := f.state(ctx, after.ID)
	if err != nil {
		return WayLeft{}, fmt.Errorf("look for ways in: %w", err)
	}
	return f.LeftBy(ctx, after, s.Factors)
}

// LeftBy is Left for whoever has read the factors of the account, also those that do not count.
func (f WaysIn) LeftBy(ctx context.Context, after authcore.Account, all []authcore.Factor) (WayLeft, error) {
	counting := f.counting(all)
	if f.signsIn(after, counting) {
		return WayLeft{LastWay: authcore.LastWay{Passkey: !f.signsIn(after, slices.DeleteFunc(counting, wayin.IsPasskey))}}, nil
	}
	if f.cfg.Connected == nil || f.asked(after, counting) && !HasSecond(counting) { // a provider is one kind of proof
		return WayLeft{None: true}, nil
	}
	connected, err := f.cfg.Connected(ctx, after.ID)
	return WayLeft{None: connected == uuid.Nil, LastWay: authcore.LastWay{Connection: connected}}, err
}

// Unconnected reports whether the owner, who has these factors, could sign in without any connection with somebody at an identity provider.
// Factors that do not count may be among them.
func (f WaysIn) Unconnected(a authcore.Account, all []authcore.Factor) bool {
	return f.signsIn(a, f.counting(all))
}

// asked reports whether sign-ins of the account are asked for a second factor.
func (f WaysIn) asked(a authcore.Account, counting []authcore.Factor) bool {
	return a.MFAEnabled() || f.required(a) != "" && HasSecond(counting)
}

// signsIn reports whether the owner could sign in, by anything but a provider. A way that leads to a second step which the account cannot give
// is none.
func (f WaysIn) signsIn(a authcore.Account, counting []authcore.Factor) bool {
	return f.cfg.Ways.Has(a, counting) && (!f.asked(a, counting) || f.cfg.Ways.TwoKinds(a, counting))
}
