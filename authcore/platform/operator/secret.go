package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Resealed tells how many values were sealed anew.
type Resealed struct {
	Keys  int `json:"keys"`
	Mails int `json:"mails"`
	Links int `json:"links"` // of security mails
	Seeds int `json:"seeds"` // of authenticator apps
	// Grants take consent back at providers.
	Grants int `json:"grants"`
}

// sealedPage is how many sealed rows are read at once.
const sealedPage = 200

// Reseal seals everything in the database that lies under another secret than the first under that. Then the first
// secret alone opens all of it. Nobody is signed out: what tokens and codes are checked with does not change. Every node
// must know the first secret already.
func (o *Operator) Reseal(ctx context.Context, sealer *secret.Sealer) (Resealed, error) {
	var done Resealed
	var err error
	if done.Keys, err = o.cfg.Keys.Reseal(ctx); err != nil {
		return done, err
	}
	err = o.eachMail(ctx, func(m authcore.Mail) error {
		if sealer.SealedByFirst(m.Sealed) {
			return nil
		}
		sealed, err := sealer.Reseal(o.cfg.MailPurpose, m.Sealed)
		if err != nil {
			return fmt.Errorf("mail %s: %w", m.ID, err)
		}
		done.Mails++
		return o.cfg.Store.ResealMail(ctx, m.ID, m.Sealed, sealed)
	})
	if err != nil {
		return done, err
	}
	err = o.eachLink(ctx, func(l authcore.SecurityLink) error {
		if sealer.SealedByFirst(l.Undo) {
			return nil
		}
		sealed, err := sealer.Reseal(o.cfg.LinkPurpose, l.Undo)
		if err != nil {
			return fmt.Errorf("security link %s: %w", l.ID, err)
		}
		done.Links++
		return o.cfg.Store.ResealLink(ctx, l.ID, l.Undo, sealed)
	})
	if err != nil {
		return done, err
	}
	err = o.eachSeed(ctx, func(x authcore.Factor) error {
		if sealer.SealedByFirst(x.Secret) {
			return nil
		}
		sealed, err := sealer.Reseal(o.cfg.SeedPurpose, x.Secret)
		if err != nil {
			return fmt.Errorf("seed of factor %s: %w", x.ID, err)
		}
		done.Seeds++
		return o.cfg.Seeds.ResealFactor(ctx, x.ID, x.Secret, sealed)
	})
	if err != nil {
		return done, err
	}
	done.Grants, err = o.resealGrants(ctx, sealer)
	return done, err
}

func (o *Operator) resealGrants(ctx context.Context, sealer *secret.Sealer) (resealed int, err error) {
	err = o.eachGrant(ctx, func(g authcore.Grant) error {
		if sealer.SealedByFirst(g.Sealed) {
			return nil
		}
		sealed, err := sealer.Reseal(o.cfg.GrantPurpose, g.Sealed)
		if err != nil {
			return fmt.Errorf("consent %s: %w", g.ID, err)
		}
		resealed++
		return o.cfg.Grants.ResealGrant(ctx, g.ID, g.Sealed, sealed)
	})
	return resealed, err
}

func (o *Operator) dropGrants(ctx context.Context, sealer *secret.Sealer) (dropped int, err error) {
	err = o.eachGrant(ctx, func(g authcore.Grant) error {
		if _, err := sealer.Open(o.cfg.GrantPurpose, g.Sealed); !errors.Is(err, secret.ErrUnsealable) {
			return err
		}
		dropped++
		return o.cfg.Grants.DropGrant(ctx, g.ID)
	})
	return dropped, err
}

// Discarded tells what was given up.
type Discarded struct {
	Ended
	Mails int `json:"mails"`
	Links int `json:"links"` // of security mails
	Seeds int `json:"seeds"` // of authenticator apps
	// Grants take consent back at providers.
	Grants int `json:"grants"`
}

// Discard gives up everything that no secret of the sealer opens: keys, for which new ones are made, mails, which are
// never sent, links of security mails, authenticator apps, and what takes consent back at providers. Where keys are given up recovery codes are worth nothing any more either. Everybody is signed out. An [authcore.Error] says that there is nothing to give up.
func (o *Operator) Discard(ctx context.Context, sealer *secret.Sealer) (Discarded, error) {
	var done Discarded
	keys, err := o.cfg.Keys.Discard(ctx)
	if err != nil {
		return done, err
	}
	err = o.eachMail(ctx, func(m authcore.Mail) error {
		if _, err := sealer.Open(o.cfg.MailPurpose, m.Sealed); !errors.Is(err, secret.ErrUnsealable) {
			return err
		}
		done.Mails++
		return o.cfg.Store.DropMail(ctx, m.ID, o.cfg.Now())
	})
	if err != nil {
		return done, err
	}
	err = o.eachLink(ctx, func(l authcore.SecurityLink) error {
		if _, err := sealer.Open(o.cfg.LinkPurpose, l.Undo); !errors.Is(err, secret.ErrUnsealable) {
			return err
		}
		done.Links++
		return o.cfg.Store.DropLink(ctx, l.ID)
	})
	if err != nil {
		return done, err
	}
	err = o.eachSeed(ctx, func(x authcore.Factor) error {
		if _, err := sealer.Open(o.cfg.SeedPurpose, x.Secret); !errors.Is(err, secret.ErrUnsealable) {
			return err
		}
		done.Seeds++
		return o.cfg.Seeds.DropFactor(ctx, x.ID)
	})
	if err != nil {
		return done, err
	}
	if done.Grants, err = o.dropGrants(ctx, sealer); err != nil {
		return done, err
	}
	if keys == 0 && done.Mails == 0 && done.Links == 0 && done.Seeds == 0 && done.Grants == 0 {
		return done, authcore.Refuse(authcore.Conflict, "The secret decrypts everything in the database, so nothing is lost. To sign everyone out, use sessions revoke --all.")
	}
	// Their tokens are dead with the keys. What still stands in the rows would be shown as live sessions, and codes that
	// nobody can prove would use up attempts.
	if done.Ended, err = o.RevokeAll(ctx); err != nil {
		return done, err
	}
	done.Keys = keys
	return done, nil
}

func (o *Operator) eachMail(ctx context.Context, do func(authcore.Mail) error) error {
	return each(ctx, o.cfg.Store.SealedMails, func(m authcore.Mail) uuid.UUID { return m.ID }, do)
}

func (o *Operator) eachLink(ctx context.Context, do func(authcore.SecurityLink) error) error {
	return each(ctx, o.cfg.Store.SealedLinks, func(l authcore.SecurityLink) uuid.UUID { return l.ID }, do)
}

func (o *Operator) eachSeed(ctx context.Context, do func(authcore.Factor) error) error {
	return each(ctx, o.cfg.Seeds.SealedFactors, func(x authcore.Factor) uuid.UUID { return x.ID }, do)
}

func (o *Operator) eachGrant(ctx context.Context, do func(authcore.Grant) error) error {
	return each(ctx, o.cfg.Grants.SealedGrants, func(g authcore.Grant) uuid.UUID { return g.ID }, do)
}

// each calls do for every row, a page at a time.
func each[T any](ctx context.Context, page func(ctx context.Context, after uuid.UUID, limit int) ([]T, error), id func(T) uuid.UUID, do func(T) error) error {
	for at := uuid.Nil; ; {
		rows, err := page(ctx, at, sealedPage)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := do(row); err != nil {
				return err
			}
			at = id(row)
		}
		if len(rows) < sealedPage {
			return nil
		}
	}
}
