package authcore

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Purpose is what a challenge proves or allows. A code of one purpose is worth nothing for another.
type Purpose string

// The purposes.
const (
	PurposeVerifyEmail   Purpose = "verify_email"
	PurposeResetPassword Purpose = "reset_password"
	// PurposeSetup makes the first administrator. It has one subject: one link is out at most.
	PurposeSetup Purpose = "setup"
	// PurposeConfirmEmail makes the address that an account wants to be known by its own. Its subject is the account.
	PurposeConfirmEmail Purpose = "confirm_email"
	// PurposeRestore takes back the deletion of an account, while that waits.
	PurposeRestore Purpose = "restore_account"
	// PurposeConfirmPhone is PurposeConfirmEmail for a number.
	PurposeConfirmPhone Purpose = "confirm_phone"
	// PurposeSecondFactor proves a mailbox or number as second factor. Its subject is the factor and what the code was sent for.
	PurposeSecondFactor Purpose = "second_factor"
	// PurposeConfirmFactor shows that somebody who adds an email or sms factor reads what is sent there. Its subject is the factor.
	PurposeConfirmFactor Purpose = "confirm_factor"
	// PurposeSignIn signs in without a password. Its subject is the account, or an address or number that none has.
	PurposeSignIn Purpose = "sign_in"
	// PurposePasskey signs in with a passkey, whoever has it. Its token is the challenge of WebAuthn, as in the next two.
	PurposePasskey Purpose = "passkey"
	// PurposeAssertKey proves a passkey or security key as second factor. Its subject is its type, the account, and what it is for.
	PurposeAssertKey Purpose = "assert_key"
	// PurposeRegisterKey adds a passkey or security key. Its subject is the factor.
	PurposeRegisterKey Purpose = "register_key"
	// PurposeProvider proves the address of somebody who signs in by a provider that does not. Its subject is the sign-in.
	PurposeProvider Purpose = "provider"
	// PurposeHandover takes a browser that is signed in to another host. Its CodeDigest is no code's: it says for which
	// origin and which browser the token is ([ChildSession]).
	PurposeHandover Purpose = "handover"
)

// Challenge is every code and link: one live challenge and one budget of attempts per purpose and subject.
type Challenge struct {
	ID      uuid.UUID
	Purpose Purpose
	// Subject is whom it concerns, in the terms of the purpose: an address that is to be verified, an account, or a session and
	// what it is handed over to.
	Subject     string
	AccountID   uuid.UUID     // zero where no account exists (yet)
	CodeDigest  secret.Digest // keyed: a database dump holds no usable code
	TokenDigest secret.Digest
	// AttemptsLeft is how many wrong codes may still come; for a new challenge the whole budget. The store carries over what
	// is spent on this purpose and subject until its AttemptsResetAt, so a resend does not refill it. It is for codes alone:
	// anybody can spend it, and that must not take the link, which cannot be guessed, from its owner.
	AttemptsLeft int
	// AttemptsResetAt is when the budget is full again.
	AttemptsResetAt time.Time
	CreatedAt       time.Time
	ExpiresAt       time.Time
	// CodeExpiresAt is when the code is no longer good although the link is; zero: nobody has said so.
	CodeExpiresAt time.Time
	// SentTo is the address or number that it went to, where it is good only for as long as its account has that; else "".
	SentTo string
	// Binding is of what the browser or app keeps that asked for it; zero: nothing does. Wrong codes that come together with it have a
	// budget of their own, BoundLeft until BoundResetAt, which is carried over likewise: so nobody else can spend it.
	Binding      secret.Digest
	BoundLeft    int
	BoundResetAt time.Time
	// InvitationID is the invitation that somebody without an account asked for it with; zero for none.
	InvitationID uuid.UUID
}

// Opening makes an account whose address or number is not verified.
type Opening struct {
	Invited     Invited
	Account     Account
	Identifiers []Identifier
	// Registration, of the account's id, holds the registration secret by which its owner verifies the address; nil for none.
	Registration *Registration
	Challenge    *Challenge // for the address; nil: no code is sent
	Effects      Effects
}

// SignUp turns a verified address or number into an account that is signed in. Exactly one of the callers that present the same
// challenge succeeds.
type SignUp struct {
	ChallengeID uuid.UUID
	Purpose     Purpose          // of the challenge; "": PurposeVerifyEmail
	Verified    Identifier       // the address or number
	Unique      []IdentifierKind // that find accounts; where that of Verified is none of them, other accounts may hold it too
	// Account is the account to create (Create true), or the existing one that verifies: then only its ID is used.
	Account     Account
	Create      bool
	Identifiers []Identifier // to claim for a created account
	Invited     Invited      // of a created account
	// Connection is the person at a provider by whom the account is made; nil for none. Then there may be no challenge, nor an address. The
	// store fills in its account.
	Connection *Connection
	// SocialToken is spent with it; zero for none.
	SocialToken uuid.UUID
	Closed      Event // recorded of an account that nothing finds any more, since it had only claimed Verified
	// Opening is the session to open; the store fills in its account and epoch. Its Effects are of all of it, also where no session
	// is opened: none is where its session has no id.
	Opening SessionOpening
	// Pending returns the sign-in that waits for a second step, for the account as it is stored: then that is stored in place of the
	// session, and the events of the session are not. It is called within the transaction, which may run again, and returns nil where
	// nothing is waited for. Nil: nothing ever is.
	Pending func(a Account) *PendingSignIn
	Now     time.Time
}

// Reset sets a new password after a redeemed challenge.
type Reset struct {
	ChallengeID  uuid.UUID
	AccountID    uuid.UUID // whose challenge it is
	PasswordHash string
	Short        bool    // as in [PasswordChange]
	Channel      Channel // by which the code went out: by mail it verifies the address
	// Create, where the address that the mail went to was only claimed by that account: the account that has it instead. AccountID
	// then loses the address, as by a [SignUp].
	Create      *Account
	Identifiers []Identifier     // to claim for a created account
	Unique      []IdentifierKind // as in SignUp
	Closed      Event            // as in SignUp
	Now         time.Time
	Effects     Effects
}
