package admin

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Confirm sends the code for an address that an account wants to be known by, and notes that it does.
type Confirm func(ctx context.Context, account uuid.UUID, p authcore.Pending, c authcore.Client) error

// Claims are addresses that administrators want accounts to be known by. In contrast to [Users.Change] nothing of the account changes before
// its owner has confirmed the address, as when they ask for it themselves. It is safe for concurrent use.
type Claims struct {
	users   *Users
	confirm Confirm
}

// NewClaims returns those of users.
func NewClaims(users *Users, confirm Confirm) *Claims { return &Claims{users, confirm} }

// Email makes an address the one that an account, named by its id or number, wants to be known by, and sends the code for it. One that it
// has already changes nothing. Refusals: [authcore.NotFound]; [authcore.InvalidFields]; [authcore.Forbidden] for the address of an
// administrator, which is the operator's alone to change; [authcore.Conflict] where the owner is kept out; [authcore.RateLimited] when the address has had
// its share of mails; [authcore.Unavailable].
func (c *Claims) Email(ctx context.Context, which, address string, client authcore.Client) (authcore.ManagedAccount, error) {
	u := c.users
	a, err := u.cfg.Directory.Get(ctx, which)
	if err != nil {
		return a, err
	}
	normal, err := identifier.NewEmail(address)
	switch {
	case a.Kind == authcore.KindService:
		return a, authcore.RefuseField("email", authcore.NotForServices)
	case err != nil:
		var broken authcore.FieldErrors
		broken.AddError("email", err)
		return a, broken.Refusal()
	case normal == a.Email && a.EmailVerified():
		return a, nil
	case u.cfg.Admins.Administers(a.Account):
		return a, errAdminsContact()
	case a.Disabled():
		return a, authcore.Refuse(authcore.Conflict, "The account is disabled. Its address changes once it is enabled again.")
	}
	authcore.AdminCallOf(ctx).Changed("email", a.Email, normal)
	if err := c.confirm(ctx, a.ID, authcore.Pending{Channel: authcore.ByEmail, Address: normal}, client); err != nil {
		return a, fmt.Errorf("claim address: %w", err)
	}
	return u.cfg.Directory.Get(ctx, which)
}
