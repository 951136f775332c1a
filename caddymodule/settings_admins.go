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

// applyAdmins has a change of the option count at once.
func (c *core) applyAdmins(ctx context.Context, a *App) error {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	return admin.ApplyOption(ctx, c.store, c.sealer, a.cfg.admins, a.node.clock.Now)
}
