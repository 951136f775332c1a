package authcore

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Invitation lets one person make one account.
type Invitation struct {
	ID        uuid.UUID // v7: their order is that in which they were made
	InviterID uuid.UUID // zero: whoever runs the gateway
	// Address is whom it is bound to: the token goes there alone, and proves it. "" binds it to nobody.
	Address     string
	Channel     Channel  // "" where it is bound to nobody
	Roles       []string // that the account gets, if the inviter may still give them then
	TokenDigest secret.Digest
	CreatedAt   time.Time
	ExpiresAt   time.Time
	UsedAt      time.Time
	UsedBy      uuid.UUID
	RevokedAt   time.Time
	// Number is reserved for the account that it makes; 0 for none. One with a number was made by a client of a dialect in which everybody
	// who is signed in may invite: it outranks the option invitations.
	Number int64
}

// Invited is the invitation that a new account uses up, and gets roles and inviter from.
type Invited struct {
	ID uuid.UUID // zero for none
	// Tell returns what is recorded besides of an invitation that somebody with an account has made; open are the links of changes of
	// the inviter's address or number that can still be used. Nil: nothing.
	Tell func(inviter Account, open []SecurityLink, used Event) (Effects, error)
}

// InvitationStatus says what has become of an invitation.
type InvitationStatus string

// What may have become of it.
const (
	InvitationPending InvitationStatus = "pending"
	InvitationUsed    InvitationStatus = "used"
	InvitationRevoked InvitationStatus = "revoked"
	InvitationExpired InvitationStatus = "expired"
)

// InvitationStatuses are all of them.
func InvitationStatuses() []InvitationStatus {
	return []InvitationStatus{InvitationPending, InvitationUsed, InvitationRevoked, InvitationExpired}
}

// Status returns what has become of the invitation by now.
func (i Invitation) Status(now time.Time) InvitationStatus {
	switch {
	case !i.UsedAt.IsZero():
		return InvitationUsed
	case !i.RevokedAt.IsZero():
		return InvitationRevoked
	case !i.ExpiresAt.After(now):
		return InvitationExpired
	}
	return InvitationPending
}

// Inviters says who may invite, besides administrators.
type Inviters struct {
	Everybody bool
	Roles     []string
}

// May reports whether somebody with these roles may invite.
func (s Inviters) May(roles []string) bool {
	return s.Everybody || slices.Contains(roles, RoleAdmin) ||
		slices.ContainsFunc(roles, func(role string) bool { return slices.Contains(s.Roles, role) })
}
