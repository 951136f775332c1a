package authcore

import (
	"time"

	"github.com/google/uuid"
)

// Deletion asks to delete an account with everything that is kept about its owner.
type Deletion struct {
	AccountID uuid.UUID
	// Due: only if the account's DeletesAt has come. Of several nodes that ask at once, one deletes.
	Due bool
	// Disabled: also an account that is disabled, for administrators.
	Disabled bool
	Now      time.Time
	// Effects returns the events and mails of the deletion, from the account as it is while nobody else can change it. The mails must
	// not name the account as theirs, for what waits for an account is dropped with it. It may be called again after a conflict.
	Effects func(Account) (Effects, error)
}

// DeletionRequest has an account deleted later. Until then it is disabled.
type DeletionRequest struct {
	AccountID uuid.UUID
	DeletesAt time.Time
	Restore   Challenge // that takes it back
	Now       time.Time
	Effects   Effects
}

// Restoration takes a deletion back that waits.
type Restoration struct {
	ChallengeID uuid.UUID // of purpose PurposeRestore
	Now         time.Time
	Effects     func(Account) (Effects, error) // as that of Deletion
}
