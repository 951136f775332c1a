package authcore

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Every store method is one whole business change, atomic in itself: on an error nothing has changed, except where the
// comment says otherwise. A cancelled ctx returns promptly. Each may return an error wrapping ErrUnavailable. Methods
// may be called concurrently, also from several processes on one Postgres.

// AccountStore keeps accounts.
type AccountStore interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id Identifier) (Account, error)
	// IdentifierTaken reports whether the identifier is or ever was used by an account other than except.
	IdentifierTaken(ctx context.Context, id Identifier, except uuid.UUID) (bool, error)
	// CreateAccount stores a new account (with `signup open`: its address unproven) and claims ids for it.
	// *TakenError names the first identifier that belongs to somebody else.
	CreateAccount(ctx context.Context, a Account, ids []Identifier, fx Effects) error
	// UpdateProfile changes the given fields; claimUsername says whether usernames must be unique. *TakenError, ErrNotFound.
	UpdateProfile(ctx context.Context, id uuid.UUID, change ProfileChange, claimUsername bool, now time.Time, fx Effects) (Account, error)
	// ReplacePasswordHash sets a new hash of the same password, if the hash is still old. No error when it is not.
	ReplacePasswordHash(ctx context.Context, id uuid.UUID, old, hash string) error
	// ChangePassword sets another password, if the hash is still Old and the account enabled, raises the epoch so that
	// every session ends, and drops every challenge of the account. ErrNotFound otherwise: of several callers that hold
	// one Old exactly one succeeds.
	ChangePassword(ctx context.Context, c PasswordChange) (Account, Revocation, error)
}

// PasswordChange sets another password for who has proven the present one.
type PasswordChange struct {
	AccountID    uuid.UUID
	Old          string // the hash that the current password was proven against
	PasswordHash string
	Now          time.Time
	Effects      Effects
}

// RegistrationStore keeps sign-ups that wait for the proof of their address.
type RegistrationStore interface {
	// SaveRegistration stores r, keeping at most keep registrations of its address (the newest), and where ch is not nil
	// replaces the live challenge as IssueChallenge does; all in one transaction.
	SaveRegistration(ctx context.Context, r Registration, keep int, ch *Challenge, fx Effects) error
	// Registrations returns the unexpired registrations of an address, newest first.
	Registrations(ctx context.Context, address string, now time.Time) ([]Registration, error)
	// RegistrationByUsername returns the newest unexpired registration that asked for the username. ErrNotFound.
	RegistrationByUsername(ctx context.Context, username string, now time.Time) (Registration, error)
}

// Enrolment turns a proven address into an account that is signed in. Exactly one of the callers that present the same
// challenge succeeds.
type Enrolment struct {
	ChallengeID uuid.UUID
	// Account is the account to create (Create true), or the existing one whose address is proven: then only its ID,
	// EmailVerifiedAt, and with Replace also PasswordHash, are used.
	Account     Account
	Create      bool
	Identifiers []Identifier // to claim for a created account
	// Replace (existing account): set PasswordHash, drop username, names and phone, end every session: whatever was
	// there before the address was proven may have been planted by a stranger.
	Replace bool
	Session Session // to create; AccountEpoch is filled in by the store
	Now     time.Time
	Effects Effects
}

// Reset sets a new password after a redeemed challenge.
type Reset struct {
	ChallengeID  uuid.UUID
	AccountID    uuid.UUID
	PasswordHash string
	Now          time.Time
	Effects      Effects
}

// Branching opens a branch after a hand-over.
type Branching struct {
	ChallengeID uuid.UUID
	Token       secret.Digest // of what the browser brought
	Bound       secret.Digest // to what it must have been issued for: the challenge's CodeDigest
	Origin      string        // that it was brought to
	// Session is the branch. The store fills in its account, epoch, root, methods and device name from the session that is
	// handed over, and caps its ends by that one's.
	Session Session
	Now     time.Time
	Opened  Event // told of with the change; the store completes it with account and session
}

// ChallengeStore keeps codes and links.
type ChallengeStore interface {
	// IssueChallenge makes ch the one live challenge of its purpose and subject. Attempts spent earlier stay spent until
	// the earlier AttemptsResetAt has passed.
	IssueChallenge(ctx context.Context, ch Challenge, fx Effects) error
	// ProveCode tests a code against the live challenge, as one atomic statement: a wrong code costs one attempt, a right
	// one costs nothing and does not consume it. ErrNotFound: none is live. ErrWrongCode. ErrNoAttempts.
	ProveCode(ctx context.Context, purpose Purpose, subject string, code secret.Digest, now time.Time) (Challenge, error)
	// ProveToken finds the live challenge of a link, whatever attempts are left: they are for codes. ErrNotFound.
	ProveToken(ctx context.Context, purpose Purpose, token secret.Digest, now time.Time) (Challenge, error)
	// Enrol consumes the challenge, creates or verifies the account, opens the session and drops every other registration
	// of the address. It does not ask for attempts: the challenge is proven. ErrNotFound: it is gone (consumed by another).
	// *TakenError. With Replace the revocation that ends the earlier sessions is returned, else a zero one.
	Enrol(ctx context.Context, e Enrolment) (Account, Session, Revocation, error)
	// ResetPassword consumes the challenge as Enrol does, sets the hash, proves the address the mail went to if it was not, raises the
	// epoch so that every session ends, and drops every other challenge of the account. ErrNotFound as for Enrol, and for a disabled
	// account.
	ResetPassword(ctx context.Context, r Reset) (Account, Revocation, error)
}

// SessionStore keeps sessions.
type SessionStore interface {
	// CreateSession stores s if the account is still enabled and at epoch s.AccountEpoch. ErrNotFound otherwise.
	CreateSession(ctx context.Context, s Session, fx Effects) error
	// RotateRefresh replaces the live refresh token by one conditional update; exactly one concurrent caller wins.
	// ErrNotFound: no such session, or it has expired, is revoked, or its account is disabled or past its epoch.
	RotateRefresh(ctx context.Context, r Rotation) (RotationResult, error)
	// SessionByRefresh returns the session whose LIVE refresh token has the digest; it changes nothing. ErrNotFound as above.
	SessionByRefresh(ctx context.Context, id uuid.UUID, digest secret.Digest, now time.Time) (Session, Account, error)
	// SessionOwner returns the account that a session belongs to, live or not. ErrNotFound.
	SessionOwner(ctx context.Context, id uuid.UUID) (uuid.UUID, error)
	// Sessions returns the live sessions of an account, last seen first.
	Sessions(ctx context.Context, account uuid.UUID, now time.Time) ([]Session, error)
	// LiveSessions returns those of the given sessions that something can still be done with at now, by a refresh token or by
	// an access token that has outlived it: not revoked, at their account's epoch, the account enabled. Their order is not
	// defined.
	LiveSessions(ctx context.Context, ids []uuid.UUID, now time.Time) ([]LiveSession, error)
	// OpenBranch consumes the challenge of a hand-over and opens a branch of the session that it was issued for, if that one
	// is live. Exactly one of the callers that present one challenge succeeds. ErrNotFound: it is gone, has expired, was
	// issued for something else than Bound, or the session has ended; then nothing is consumed.
	OpenBranch(ctx context.Context, b Branching) (Session, Account, error)
	// RevokeSessions ends live sessions of the account and returns one revocation for each that was live: those in ids with
	// the branches of those that are roots; or with all, every one but those in ids and the roots that these hang on.
	RevokeSessions(ctx context.Context, account uuid.UUID, ids []uuid.UUID, all bool, now time.Time, fx Effects) ([]Revocation, error)
	// RevokeFamily ends, as RevokeSessions does, the root that the session hangs on or is, with every branch.
	RevokeFamily(ctx context.Context, account, session uuid.UUID, now time.Time, fx Effects) ([]Revocation, error)
	// LiveRevocations returns the revocations whose Until is after now with Seq greater than after, in order of Seq: the
	// first ones, up to a page of the store's choosing, and none only when there are no more. Who wants all asks again after
	// the last one's Seq. A row may show after others with a higher Seq. Two are returned, while they are stored, even
	// if their Until has passed: that with Seq after+1, for who knows it, and finds it, knows that no number from there on
	// means anything else; and the newest of all, so that who has read all goes on behind those that have ended.
	LiveRevocations(ctx context.Context, after int64, now time.Time) ([]Revocation, error)
}

// KeyRecord is a signing key at rest.
type KeyRecord struct {
	KID       string
	Use       string // "bearer", "cookie" or "internal"
	Algorithm string
	Public    []byte // PKIX; empty for MAC keys
	Sealed    []byte // the private part, sealed under the operator's secret
	CreatedAt time.Time
	NotBefore time.Time // zero: not scheduled to sign yet (the next key)
	RetireAt  time.Time // zero: open
	RemoveAt  time.Time // zero: open
}

// KeyStore keeps signing keys.
type KeyStore interface {
	// Keys returns every key.
	Keys(ctx context.Context) ([]KeyRecord, error)
	// ChangeKeys gives the present keys to change and stores (insert or replace by KID) what it returns, and deletes those
	// past RemoveAt at now. Calls are serialised over all nodes: several nodes that start together make one set.
	ChangeKeys(ctx context.Context, now time.Time, change func(present []KeyRecord) ([]KeyRecord, error)) ([]KeyRecord, error)
}

// OutboxStore is the queue of mails.
type OutboxStore interface {
	// ClaimMail returns up to limit mails that are due and hides them from other workers for lease.
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Mail, error)
	// MailSent removes the content of a mail; it is never sent again.
	MailSent(ctx context.Context, id uuid.UUID, now time.Time) error
	// MailFailed makes it due again at next; with drop it is given up.
	MailFailed(ctx context.Context, id uuid.UUID, next time.Time, drop bool) error
	// OutboxDepth returns how many mails wait and since when the oldest does (zero time for none).
	OutboxDepth(ctx context.Context) (int, time.Time, error)
}

// Lockout is what is known of a name's failed sign-ins.
type Lockout struct {
	Key    string    // MAC of the normalised identifier or account
	Until  time.Time // where Level is 0 or more: the end of the last lock, or a later try
	Level  int       // how often it has doubled; -1: there was no lock
	Tries  string    // that run or failed, as package lockout writes them
	VoidAt time.Time // from when on nothing of it counts any more
}

// LockoutStore keeps failed sign-ins.
type LockoutStore interface {
	// Lockout returns what is stored under a key. ErrNotFound.
	Lockout(ctx context.Context, key string) (Lockout, error)
	// ChangeLockout puts next (zero: nothing) in the place of what is stored under a key, if that still is old (zero: nothing).
	// It reports whether it was: of several callers that know the same exactly one changes it.
	ChangeLockout(ctx context.Context, key string, old, next Lockout) (changed bool, err error)
	// ClearLockout removes what is stored under a key, whatever it is.
	ClearLockout(ctx context.Context, key string) error
}

// EventStore appends to the history.
type EventStore interface {
	// Record writes events and mails that belong to no other change.
	Record(ctx context.Context, fx Effects) error
}

// Store is everything the database keeps.
type Store interface {
	AccountStore
	RegistrationStore
	ChallengeStore
	SessionStore
	KeyStore
	OutboxStore
	LockoutStore
	EventStore
	// ClaimIdentifiers makes the identifiers that existing accounts hold in the given kinds claimable: called at start, since
	// the option `identities` may have changed. It returns how many could not be claimed since another account has them.
	ClaimIdentifiers(ctx context.Context, kinds []IdentifierKind, now time.Time) (conflicts int, err error)
	// Sweep removes what has expired (registrations, challenges, sealed successors, dead sessions and revocations, sent mails);
	// what a clock that is ahead would take for expired too early, an hour later.
	Sweep(ctx context.Context, now time.Time) error
	// Ping reports whether the store can answer.
	Ping(ctx context.Context) error
	// Close waits for calls that run, which their own bounds end, and releases what the store holds. Calls after it, Close
	// itself apart, are ErrUnavailable.
	Close() error
}

// Verdict is what is known of a session in memory.
type Verdict int

// The verdicts.
const (
	Live Verdict = iota
	// Outdated: the account's roles have changed; the access token must be renewed, the session lives.
	Outdated
	// Revoked: the session or the account's epoch is no longer accepted.
	Revoked
)

// Revocations is this node's view of what is revoked. It answers from memory alone: no I/O, no error.
type Revocations interface {
	// Check returns the verdict on an access token of the session and the account, which was issued at the account's epoch and
	// version of roles. A revocation of the session or of a later epoch is Revoked, whatever else there is. What is not known is
	// Live: how old the view is, is another question. It may be called concurrently, and with changes of the view.
	Check(session, account uuid.UUID, epoch, rolesVersion int64) Verdict
}

// Limit is one counter to take from: a limit's name and whom it concerns.
type Limit struct {
	Name string // one of the Limit… constants
	Key  string
}

// The limits of contract §2 (`rate_limit`) and those that `otp` sets.
const (
	LimitLogin       = "login"
	LimitRegister    = "register"
	LimitVerify      = "verify"
	LimitForgot      = "forgot"
	LimitRefresh     = "refresh"
	LimitTokenVerify = "token_verify"
	LimitMail        = "mail"
	LimitResend      = "resend" // one per otp.resend_after, by purpose and recipient
	LimitCode        = "code"   // otp.attempts, by purpose and subject, where no challenge exists to count them
)

// Limiter counts events against limits (GCRA).
type Limiter interface {
	// Take counts one event on every given limit, or on none: then wait is the time after which all would allow it.
	// A limit that is off always allows. An error means that nothing is known.
	Take(ctx context.Context, limits ...Limit) (wait time.Duration, err error)
	// Return gives back one event on every given limit that a Take has counted and that then did not come about. A limit is
	// never the fuller for it than it is without any events. An error means that they may stay counted.
	Return(ctx context.Context, limits ...Limit) error
}

// Lockouts counts failed sign-ins by normalised identifier, existing or not.
type Lockouts interface {
	// Begin asks to try a password. While as many tries run as failures are left it waits (ctx, at most 2 s); when the
	// identifier is locked, wait says for how long and attempt is nil.
	Begin(ctx context.Context, key string) (attempt Attempt, wait time.Duration, err error)
	// Reset forgets failures and lock, after the owner has proven the account otherwise.
	Reset(ctx context.Context, key string) error
}

// Attempt is one running try. Exactly one method must be called, once.
type Attempt interface {
	// Succeeded forgets the failures of the identifier, and a lock that others caused meanwhile. It does not fail: what cannot
	// be stored or told to other nodes is logged, and the sign-in stands.
	Succeeded(ctx context.Context)
	// Failed counts the failure and reports whether it locked the identifier.
	Failed(ctx context.Context) (locked bool)
	// Abandoned gives the try back: it ended without a result (busy, cancelled).
	Abandoned()
}

// Mailer prepares mails for the outbox.
type Mailer interface {
	// Compose seals a message for the outbox.
	Compose(m Message) (Mail, error)
}
