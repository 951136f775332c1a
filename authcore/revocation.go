package authcore

import (
	"time"

	"github.com/google/uuid"
)

// Revocation says that a session, or every session of an account below an epoch, is no longer accepted. It may be
// forgotten after Until, when every token it concerns has expired by itself.
type Revocation struct {
	Seq          int64     // order of insertion in the database; 0 for one not read from there
	SessionID    uuid.UUID // zero for an account-wide one
	AccountID    uuid.UUID
	Epoch        int64 // account-wide: tokens with a lower epoch are dead; 0 leaves the epoch alone
	RolesVersion int64 // account-wide: access tokens with a lower version must be renewed; 0 leaves it alone
	// Of a session it is SessionReplaced where a step-up has put another one in its place, else 0. A program that does not know that
	// takes it for a session that was ended.
	Until time.Time
}

// SessionReplaced is the RolesVersion of the revocation of a session that was replaced.
const SessionReplaced int64 = 1

// Holder is whose a request or a connection is, as far as revocations are concerned: what its token said. Nobody may change it.
type Holder struct {
	SessionID, AccountID uuid.UUID
	Epoch, RolesVersion  int64
}

// Verdict is what is known of a session in memory.
type Verdict int

// The verdicts.
const (
	Valid Verdict = iota
	// RolesChanged: the account's roles have changed; the access token must be renewed, the session lives.
	RolesChanged
	// Revoked: the session or the account's epoch is no longer accepted.
	Revoked
	// Replaced: as Revoked, but a step-up has put another session in its place, which its refresh token may still yield.
	Replaced
)

// Revocations is this node's snapshot of what is revoked. It answers from memory alone: no I/O, no error.
type Revocations interface {
	// Check returns the verdict on an access token of the session and the account, which was issued at the account's epoch and
	// version of roles. A revocation of the session (as Revoked or Replaced) or of a later epoch (Revoked) counts, whatever else there is. What is not known is
	// Valid: how old the snapshot is, is another question. It may be called concurrently, and with changes of the snapshot.
	Check(session, account uuid.UUID, epoch, rolesVersion int64) Verdict
}
