package authcore

import (
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// DeviceLifetime is how long a client keeps the token of its device: no cookie lives longer in a browser (RFC 6265bis §5.5).
const DeviceLifetime = 400 * 24 * time.Hour

// MaxDevices is how many devices an account knows. Of more, those go that nobody is signed in on and that were seen longest ago:
// whoever has the password could otherwise fill the database by signing in without a token again and again.
const MaxDevices = 100

// Device is a browser or app, as one account knows it. Other accounts know the same one by the same token, and nothing of each
// other.
type Device struct {
	ID           uuid.UUID
	AccountID    uuid.UUID
	TokenDigest  secret.Digest // of the token that the browser or app keeps
	Name         string
	UserAgent    string // of the last sign-in from it
	Addr         string // likewise
	FirstSeenAt  time.Time
	LastSeenAt   time.Time // of the last sign-in; in lists the last use of its live sessions, where that is later
	TrustedUntil time.Time // it is asked for no second factor until then; zero for never
	Sessions     int       // that live on it, child sessions too; known in lists alone
	Current      bool      // the session that asks is on it; known in lists alone
}

// Forgetting says which devices of an account are forgotten.
type Forgetting struct {
	AccountID uuid.UUID
	SessionID uuid.UUID   // that asks
	IDs       []uuid.UUID // of the devices
	All       bool        // every one instead
	Others    bool        // every one but that which SessionID is on
	Now       time.Time
	Event     Event // of each; the store completes it
}

// Forgotten is what has been forgotten: the devices, and the sessions on them that have ended.
type Forgotten struct {
	Devices []uuid.UUID
	Ended   []Revocation
}

// SessionOpening is a session to open after a sign-in, and what is to happen in the same transaction.
type SessionOpening struct {
	Session Session // the store fills in its DeviceID
	// Device is where the sign-in comes from, with the ID that it gets if it becomes known now. A zero TokenDigest is a client that
	// brought no token and is to keep none.
	Device Device
	Keep   bool // a device that the account does not know becomes known
	// MaxDevices is how many devices the account may know. Of more, those go that no session lives on and that were seen longest ago.
	// 0 is any number.
	MaxDevices int
	// MaxSessions is how many live sessions the account may have, child sessions apart; of more, those that were used longest ago
	// end. 0 is any number.
	MaxSessions int
	Effects     Effects // the store completes DeviceID of the session's events
	Seen        Event   // of a device that becomes known; the store completes it
	Ended       Event   // of each session that ends for MaxSessions, likewise
	Forgotten   Event   // of each device that goes for MaxDevices, likewise
	// NewDevice returns what to write besides where the account does not know the device, unless this is its first sign-in. open are
	// the account's open links of changes of address or number. It is called within the transaction, which may run again. Nil: nothing.
	NewDevice func(open []SecurityLink) (Effects, error)
	// Pending is the pending sign-in that the session ends: of several who end it at once exactly one opens a session. Zero for none.
	Pending uuid.UUID
	// Challenge is the challenge of [PurposeSignIn] that the sign-in spends: of several who spend it at once exactly one opens a session.
	// It must be one of the session's account, sent to an address or number that the account has and has verified. Zero for none.
	Challenge uuid.UUID
	// TrustUntil is until when the device is asked for no second factor; zero leaves it as it is. Trusted tells of it; the store completes
	// it.
	TrustUntil time.Time
	Trusted    Event
	// Provider is what the session was opened by at a provider; nil for every other way in.
	Provider *ProviderSession
	// Lookup: the session's refresh token does not say whose it is, so the store notes it by RefreshDigest until it expires.
	Lookup bool
	// ForgetReset: another kind of proof was given than the channel that the password was reset by (Account.PasswordBy), which is forgotten.
	ForgetReset bool
}
