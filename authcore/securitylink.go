package authcore

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// SecurityLink is the link "This was not me" of one security mail, and what it takes back. Links of an account rank by At, the time
// of the event that the mail tells of: the one of the earliest event knows best who the owner was.
type SecurityLink struct {
	ID          uuid.UUID // v7
	AccountID   uuid.UUID
	TokenDigest secret.Digest
	Kind        MailKind
	Contact     bool // the event changed the account's address or number
	At          time.Time
	Undo        []byte // sealed: what the account was before the event, and where the mail went
	ExpiresAt   time.Time
	UsedAt      time.Time // when it was used or killed; zero while it is open
}
