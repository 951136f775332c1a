package caddymodule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// InvitationSettings say who may invite.
type InvitationSettings struct {
	// admins, users or role. Default: admins.
	By string `json:"by,omitempty"`
	// With role: whoever has one of these may invite. Administrators always may.
	Roles []string `json:"roles,omitempty"`
	// How long an invitation is good, 1s to 90d. Default: 7d.
	Lifetime caddy.Duration `json:"lifetime,omitempty"`
	// How many open ones an account may have, 1 to 1000. Default: 20.
	Pending int `json:"pending,omitempty"`
}

const longestInvitation = 90 * 24 * time.Hour

var invitationOptions = []option[InvitationSettings]{
	{
		name:  "lifetime",
		parse: readDuration(func(o *InvitationSettings) *caddy.Duration { return &o.Lifetime }),
		check: func(o *InvitationSettings) error { return within(o.Lifetime, shortest, longestInvitation) },
	},
	{
		name:  "pending",
		parse: readNumber(func(o *InvitationSettings) *int { return &o.Pending }),
		check: func(o *InvitationSettings) error { return between(o.Pending, 1, 1000) },
	},
}

// The words of the option: who may invite.
const (
	byAdmins = "admins"
	byUsers  = "users"
	byRole   = "role"
)

// parseInvitations reads `invitations admins | users | role <role…> { … }`.
func parseInvitations(d *caddyfile.Dispenser, s *Settings) error {
	args := d.RemainingArgs()
	s.Invitations = &InvitationSettings{}
	if len(args) > 0 {
		s.Invitations.By, s.Invitations.Roles = args[0], args[1:]
	}
	if err := parseBlock(d, invitationOptions, s.Invitations); err != nil {
		return fmt.Errorf("invitations: %w", err)
	}
	return nil
}

func checkInvitations(s *Settings) error {
	o := s.Invitations
	if o == nil {
		return nil
	}
	if err := oneOf(o.By, byAdmins, byUsers, byRole); err != nil {
		return err
	}
	if (o.By == byRole) != (len(o.Roles) > 0) {
		return errors.New("roles are named after the word role, and only there: invitations role staff")
	}
	for _, role := range o.Roles {
		if _, err := identifier.Role(role); err != nil {
			return fmt.Errorf("%q is not a role; a role has 1 to 64 of a-z 0-9 . _ : -", role)
		}
	}
	return checkAll(invitationOptions, o)
}

type invitationRules struct {
	by       string
	inviters authcore.Inviters
	lifetime time.Duration
	pending  int
}

func (s *Settings) invitationRules() invitationRules {
	o := InvitationSettings{}
	if s.Invitations != nil {
		o = *s.Invitations
	}
	by := cmp.Or(o.By, byAdmins)
	return invitationRules{
		by: by, inviters: authcore.Inviters{Everybody: by == byUsers, Roles: slices.Clone(o.Roles)},
		lifetime: orDefault(o.Lifetime, 7*24*time.Hour), pending: cmp.Or(o.Pending, 20),
	}
}
