package factor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// List returns the confirmed factors of an account, in the order in which they were added; also those of a type that is not offered any
// more, and so does not count. [authcore.InvalidToken] when the account is gone.
func (f *Factors) List(ctx context.Context, account uuid.UUID) ([]authcore.Factor, error) {
	s, err := f.state(ctx, account)
	return slices.DeleteFunc(s.Factors, func(x authcore.Factor) bool { return !x.Confirmed() }), err
}

// Get returns a factor of the account, confirmed or not. Refusal: [authcore.NotFound].
func (f *Factors) Get(ctx context.Context, account, id uuid.UUID) (authcore.Factor, error) {
	s, err := f.state(ctx, account)
	if err != nil {
		return authcore.Factor{}, err
	}
	at := slices.IndexFunc(s.Factors, func(x authcore.Factor) bool { return x.ID == id })
	if at < 0 {
		return authcore.Factor{}, errNoFactor()
	}
	return s.Factors[at], nil
}

// Show returns again what the owner needs to add an app, passkey or security key that waits to be confirmed. Refusal: [authcore.NotFound], also for any other
// factor: the seed of one that counts is never shown again.
func (f *Factors) Show(ctx context.Context, account, id uuid.UUID, c authcore.Client) (Added, error) {
	s, err := f.state(ctx, account)
	if err != nil {
		return Added{}, err
	}
	for _, x := range s.Factors {
		if x.ID != id || x.Confirmed() {
			continue
		}
		if _, key := kindOf(x.Type); key {
			return keys{f}.show(ctx, s, x, c)
		}
		if x.Type != authcore.FactorTOTP {
			return Added{Factor: x}, nil
		}
		seed, err := openSeed(f.cfg.Sealer, x)
		if err != nil {
			return Added{}, err
		}
		return adder{f}.show(x, s.Account, seed, c)
	}
	return Added{}, errNoFactor()
}

// Rename names a confirmed factor; "" is no name. Refusals: [authcore.InvalidFields] at name; [authcore.NotFound].
func (f *Factors) Rename(ctx context.Context, account, id uuid.UUID, name string) (authcore.Factor, error) {
	name, err := identifier.FactorName(name)
	if err != nil {
		return authcore.Factor{}, refuseFound("name", err)
	}
	x, err := f.cfg.Store.RenameFactor(ctx, account, id, name)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return x, errNoFactor()
	case err != nil:
		return x, fmt.Errorf("rename factor: %w", err)
	case x.Type == authcore.FactorRecovery:
		return f.Get(ctx, account, id) // with how many codes are left
	}
	return x, nil
}

// Remove removes a factor. The owner is told, and no device is trusted after it; one that was not confirmed goes without a word. Refusals:
// [authcore.NotFound]; [authcore.LastFactor] where a sign-in is asked for a second factor and there would be none; [authcore.LastWayIn] for
// the passkey that alone signs in.
func (f *Factors) Remove(ctx context.Context, account, id uuid.UUID, by authcore.Client) error {
	return remover{f}.remove(ctx, account, id, func(s State, x authcore.Factor, c *Change) error {
		return remover{f}.removal(ctx, s, x, c, by)
	})
}

// remover removes factors.
type remover struct{ *Factors }

func (f remover) remove(ctx context.Context, account, id uuid.UUID, confirmed func(State, authcore.Factor, *Change) error) error {
	_, err := retry(func() (struct{}, error) {
		s, err := f.state(ctx, account)
		if err != nil {
			return struct{}{}, err
		}
		at := slices.IndexFunc(s.Factors, func(x authcore.Factor) bool { return x.ID == id })
		if at < 0 {
			return struct{}{}, errNoFactor()
		}
		c := Change{Was: s, Now: f.now(), Remove: []uuid.UUID{id}}
		if x := s.Factors[at]; x.Confirmed() {
			if err := confirmed(s, x, &c); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, f.cfg.Store.ChangeFactors(ctx, c)
	})
	return err
}

// Removal removes factors of other people's accounts, for administrators: also the last one, for it is the one that was lost or stolen. Two-factor
// authentication stays on: the next sign-in asks for the code to the account's address and leads to a new factor. It is safe for
// concurrent use.
type Removal struct{ *Factors }

// Remove removes a factor. The owner is told, with a link that takes it back, and no device is trusted after it. Refusals:
// [authcore.NotFound]; [authcore.InvalidToken] when the account is gone.
func (f Removal) Remove(ctx context.Context, account, id uuid.UUID, by authcore.Client) error {
	r := remover(f)
	return r.remove(ctx, account, id, func(s State, x authcore.Factor, c *Change) error {
		left := slices.DeleteFunc(f.counting(s.Factors), func(y authcore.Factor) bool { return y.ID == x.ID })
		return r.without(ctx, s, x, left, c, by)
	})
}

// removal adds to a change what belongs to the removal of a confirmed factor, or refuses it.
func (f remover) removal(ctx context.Context, s State, x authcore.Factor, c *Change, by authcore.Client) error {
	left := slices.DeleteFunc(f.counting(s.Factors), func(y authcore.Factor) bool { return y.ID == x.ID })
	counts := f.offers(x.Type) && x.Type != authcore.FactorRecovery
	if counts && (s.Account.MFAEnabled() || f.required(s.Account) != "") && !f.cfg.Ways.TwoKinds(s.Account, left) {
		return authcore.Refuse(authcore.LastFactor, "This is the last second factor of your account. Add another one first, or switch two-factor authentication off.")
	}
	ways, err := WaysIn(f).LeftBy(ctx, s.Account, left)
	if err != nil {
		return err
	}
	if c.Left = ways.LastWay; ways.None {
		if had, err := WaysIn(f).LeftBy(ctx, s.Account, s.Factors); err != nil || !had.None {
			return cmp.Or(err, error(authcore.Refuse(authcore.LastWayIn, "Without this passkey you could not sign in any more. Add another way to sign in first.")))
		}
	}
	return f.without(ctx, s, x, left, c, by)
}

// without adds to a change what follows from the removal of a confirmed factor that leaves those.
func (f remover) without(ctx context.Context, s State, x authcore.Factor, left []authcore.Factor, c *Change, by authcore.Client) error {
	if x.Type == s.Account.MFAPreferred && !hasType(left, x.Type) {
		c.MFA = &MFA{EnabledAt: s.Account.MFAEnabledAt}
	}
	c.EndTrust = true
	return f.removed(ctx, s, c, by)
}

// removed tells of confirmed factors that a change removes.
func (f remover) removed(ctx context.Context, s State, c *Change, by authcore.Client) error {
	undo, err := f.undo(s, c.Remove, false)
	if err != nil {
		return err
	}
	if c.MFA != nil {
		undo.MFA = notice.FormerMFAOf(s.Account)
	}
	for _, x := range s.Factors {
		if x.Confirmed() && slices.Contains(c.Remove, x.ID) {
			c.Effects.Events = append(c.Effects.Events, eventOf(authcore.EventFactorRemoved, s.Account.ID, x.Type, by, c.Now))
		}
	}
	event := c.Effects.Events[len(c.Effects.Events)-1]
	return f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
		Kind: authcore.MailFactorRemoved, Event: event, Account: s.Account, Undo: undo, Client: by,
	})
}

// Reset removes every factor of an account whose owner has lost them, switches two-factor authentication off and ends every session. It is
// for whoever runs the gateway; method is how the history calls them. The owner is told, and can take it back. An account
// without factors changes too: its sessions end. Refusal: [authcore.InvalidToken] when the account is gone.
func (f *Factors) Reset(ctx context.Context, account uuid.UUID, method string, by authcore.Client) (removed int, err error) {
	return retry(func() (int, error) {
		s, err := f.state(ctx, account)
		if err != nil {
			return 0, err
		}
		c := Change{Was: s, Now: f.now(), MFA: &MFA{}, EndTrust: true, EndSessions: true}
		confirmed := 0
		for _, x := range s.Factors {
			c.Remove = append(c.Remove, x.ID)
			if x.Confirmed() {
				confirmed++
			}
		}
		if s.Account.MFAEnabled() {
			off := audit.Event(authcore.EventMFADisabled, account, by, c.Now)
			c.Effects.Events = append(c.Effects.Events, off)
		}
		if confirmed > 0 {
			if err := (remover{f}).removed(ctx, s, &c, by); err != nil {
				return 0, err
			}
		}
		ended := audit.Event(authcore.EventSessionsRevoked, account, by, c.Now)
		c.Effects.Events = append(c.Effects.Events, ended)
		for i := range c.Effects.Events {
			c.Effects.Events[i].Method = method
		}
		return confirmed, f.cfg.Store.ChangeFactors(ctx, c)
	})
}

// All returns the factors of an account, and those that wait to be confirmed. [authcore.InvalidToken] when the account is gone.
func All(ctx context.Context, f *Factors, account uuid.UUID) ([]authcore.Factor, error) {
	s, err := f.state(ctx, account)
	return s.Factors, err
}
