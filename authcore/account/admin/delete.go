package admin

import (
	"context"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Deleter deletes accounts, at the wish of an administrator.
type Deleter interface {
	DeleteForAdmin(ctx context.Context, account uuid.UUID, c authcore.Client) error
}

// Deletion says which account to delete.
type Deletion struct {
	Actor  uuid.UUID
	Which  string                    // its id, or number:<its number>
	Match  func(version string) bool // unless nil, asked about the account's version
	Client authcore.Client           // what the mail to the owner may tell of whoever causes it
}

// Delete deletes an account at once. Refusals: [authcore.NotFound]; [authcore.Forbidden] for one's own; [authcore.PreconditionFailed];
// [authcore.LastAdmin]; [authcore.Unavailable].
func Delete(ctx context.Context, from *Directory, by Deleter, d Deletion) error {
	a, err := from.Get(ctx, d.Which)
	if err != nil {
		return err
	}
	if a.ID == d.Actor {
		return authcore.Refuse(authcore.Forbidden, "You cannot delete your own account here.")
	}
	if d.Match != nil && !d.Match(a.Version()) {
		return authcore.Refuse(authcore.PreconditionFailed, "The account has changed since you read it. Read it again.")
	}
	// What is left to say of somebody who is gone is a number that nobody gets again.
	call := authcore.AdminCallOf(ctx)
	call.About(uuid.Nil)
	call.Note("number", a.Number)
	if err := by.DeleteForAdmin(ctx, a.ID, d.Client); err != nil {
		call.About(a.ID)
		return err
	}
	return nil
}
