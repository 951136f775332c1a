package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// PasswordLinkLifetime is how long the link lives with which the owner of a new account chooses a password.
const PasswordLinkLifetime = 24 * time.Hour

// CreateInput is a new account, as it was typed.
type CreateInput struct {
	Email, Username string // at least one of them
	Roles           []string
	Method          string // how the history calls who makes it
}

// Created is a new account, and the token of a link to the page that resets passwords: with it the owner chooses the first one. "" where
// passwords are off.
type Created struct {
	Account   authcore.Account
	Token     string
	ExpiresAt time.Time
}

// Create makes an account without a password. Whoever runs the gateway vouches for the address: it counts as verified. Refusals:
// [authcore.InvalidFields] with every broken rule; [authcore.Conflict], whose Fields name what is taken; [authcore.Unavailable].
func (s *Accounts) Create(ctx context.Context, in CreateInput) (Created, error) {
	a, broken := s.check(in)
	if err := broken.Refusal(); err != nil {
		return Created{}, err
	}
	call := authcore.AdminCallOf(ctx)
	call.About(a.ID)
	noteCreation(call, a, authcore.KindPerson)
	err := s.cfg.Store.CreateAccount(ctx, a, s.identifiers(a), s.effects(authcore.EventCreatedByAdmin, a.ID, in.Method))
	if err != nil {
		call.About(uuid.Nil)
	}
	if err = conflict(err); err != nil {
		return Created{}, refusal("create account", err)
	}
	if s.cfg.NoPassword {
		return Created{Account: a}, nil
	}
	// A crash in between leaves an account without a password: the page "Forgot your password?" leads into it as well.
	token := secret.Token()
	ch := authcore.Challenge{
		ID: uuid.Must(uuid.NewV7()), Purpose: authcore.PurposeResetPassword, Subject: identifier.AccountKey(a.ID), AccountID: a.ID,
		CodeDigest: secret.Digest(secret.Random(32)), TokenDigest: secret.SumString(token), // no code: nobody is sent one
		CreatedAt: a.CreatedAt, ExpiresAt: a.CreatedAt.Add(PasswordLinkLifetime),
	}
	if err := s.cfg.Store.IssueChallenge(ctx, ch, authcore.Effects{}); err != nil {
		return Created{}, fmt.Errorf("make link for the first password: %w", err)
	}
	return Created{Account: a, Token: token, ExpiresAt: ch.ExpiresAt}, nil
}

func (s *Accounts) check(in CreateInput) (a authcore.Account, broken authcore.FieldErrors) {
	now := s.cfg.Now.Now()
	a = authcore.Account{ID: uuid.New(), MadeByOperator: true, CreatedAt: now, UpdatedAt: now}
	var err error
	if in.Email != "" {
		a.Email, err = identifier.NewEmail(in.Email)
		broken.AddError("email", err)
		a.EmailVerifiedAt = now
	}
	if in.Username != "" {
		a.Username, err = identifier.Username(in.Username)
		broken.AddError("username", err)
	}
	roles, bad := identifier.Roles(in.Roles)
	a.Roles, broken = roles, append(broken, bad...)
	if len(broken) == 0 && len(s.identifiers(a)) == 0 {
		broken.Add(string(s.cfg.Identities[0]), authcore.Required)
	}
	return a, broken
}

// identifiers returns what an account claims: the fields that sign in, and of them those it has.
func (s *Accounts) identifiers(a authcore.Account) (ids []authcore.Identifier) {
	for _, id := range []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}, {Kind: authcore.KindUsername, Value: a.Username}} {
		if id.Value != "" && slices.Contains(s.cfg.Identities, id.Kind) {
			ids = append(ids, id)
		}
	}
	return ids
}
