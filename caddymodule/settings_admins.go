package caddymodule

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// adminsOption names who administers the gateway by their addresses.
var adminsOption = option[Settings]{
	name:  "admins",
	parse: readWords(func(s *Settings) *[]string { return &s.Admins }),
	check: func(s *Settings) error { return each(s.Admins, checkAdmin) },
}

func checkAdmin(address string) error {
	if _, err := identifier.NewEmail(address); err != nil {
		return fmt.Errorf("%q is not an e-mail address; a valid one is ops@example.com", address)
	}
	return nil
}

func resolveAdmins(s *Settings, r *resolved) error {
	for _, given := range s.Admins {
		address, err := identifier.NewEmail(given)
		if err != nil {
			return fmt.Errorf("admins: %w", err)
		}
		r.admins = append(r.admins, address)
	}
	return nil
}

// applyAdmins has a change of the option count at once. The first configuration of the process tells how to make an administrator where
// there is no account.
func (c *core) applyAdmins(ctx context.Context, a *App, first bool) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := admin.ApplyOption(ctx, c.store, c.sealer, a.cfg.admins, a.node.clock.Now); err != nil || !first {
		return err
	}
	return c.tellSetup(ctx, a)
}
