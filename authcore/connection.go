package authcore

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Connection is a person at an identity provider who signs in to an account. Issuer and subject say who that is, and belong to one account
// at most; an address says nothing.
type Connection struct {
	ID              uuid.UUID // v7
	AccountID       uuid.UUID
	Provider        string // as the configuration names it
	Issuer, Subject string
	Email           string // as the provider said last; "" for none
	Name            string // likewise
	Roles           []string
	// MadeSignedIn says that the account's owner asked for it while signed in.
	MadeSignedIn bool
	ConnectedAt  time.Time
	LastUsedAt   time.Time // of a sign-in; zero for never
	// Grant is what takes the person's consent back at the provider, sealed, on its way into the store; nil for none. No store reads it with a
	// connection.
	Grant []byte `json:"-"`
}

// MaxConnections is how many connections an account has.
const MaxConnections = 10

// The sentinels of stores of connections.
var (
	// ErrConnected: the person at the provider is connected already. Nothing has changed.
	ErrConnected = errors.New("connected already")
	// ErrTooManyConnections: the account would have more than MaxConnections. Nothing has changed.
	ErrTooManyConnections = errors.New("too many connections")
	// ErrUsed: the token was taken before. Nothing has changed.
	ErrUsed = errors.New("taken before")
)

// ProviderSession is what a session was opened by at a provider: by it the provider's word that somebody has signed out finds the session.
type ProviderSession struct {
	Provider string `json:"provider"`
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	SID      string `json:"sid,omitempty"` // the session at the provider; "" where it tells of none
}

// SocialStart is a browser on its way to a provider and back. It is good once, in the browser that it began in.
type SocialStart struct {
	ID        uuid.UUID // v7
	State     secret.Digest
	Browser   secret.Digest // of what the browser keeps
	Provider  string
	AccountID uuid.UUID // that a connection is asked for; zero for a sign-in
	SessionID uuid.UUID // in which it is asked for
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

// SocialToken is a sign-in by a provider that lacks something.
type SocialToken struct {
	ID        uuid.UUID // v7
	Token     secret.Digest
	Mode      Mode
	Sealed    []byte
	By        ProviderSession // whose logout ends it; it is not read back
	CreatedAt time.Time
	ExpiresAt time.Time
}

// ConnectionUse is a sign-in by a connection, with what the provider says now.
type ConnectionUse struct {
	ID          uuid.UUID
	SocialToken uuid.UUID // that is spent with it: of several who spend it at once exactly one signs in; zero for none
	Email, Name string
	Roles       []string // in place of those that the provider gave before
	FirstName   string   // this and the next ones fill only what is empty
	LastName    string
	Locale      string
	Fields      map[string]any
	Grant       []byte // in place of what was kept; nil keeps that
	Now         time.Time
}

// Grant is consent of somebody at a provider that is to be taken back there, because their connection or their account has ended. Nothing tells
// whose it was.
type Grant struct {
	ID       uuid.UUID
	Provider string
	Sealed   []byte
	Tries    int // so far, with the one that has just been claimed
}

// ConnectionEnding ends a connection because the provider says that there is no person behind it any more, and the sessions that it has opened.
type ConnectionEnding struct {
	Issuer, Subject string
	Once            secret.Digest // of the message that says so
	OnceUntil       time.Time
	// Effects returns what belongs to the change.
	Effects func(a Account, was Connection) (Effects, error)
	Now     time.Time
}

// Connecting connects a person at a provider with an account that there is.
type Connecting struct {
	Connection Connection
	// SocialToken is spent with it: of several who spend it at once exactly one connects. Zero for none.
	SocialToken uuid.UUID
	// May is asked for the account as it is stored, and its connections, in the change, which may run again; an error ends it. Nil: always.
	May func(a Account, connections []Connection) error
	// Effects returns what belongs to the change.
	Effects func(a Account) (Effects, error)
	Now     time.Time
}

// Disconnecting takes a connection from its account.
type Disconnecting struct {
	AccountID, ID uuid.UUID
	// May is asked for the account, its factors, also those that do not count, and the connections that would be left, in the change, which
	// may run again; an error ends it.
	May     func(a Account, factors []Factor, left []Connection) error
	Effects func(a Account, was Connection) (Effects, error)
	Now     time.Time
}

// ProviderLogout ends the sessions that a provider has opened: the one of SID, or where it is "" every one of the subject.
type ProviderLogout struct {
	Issuer, Subject, SID string
	Once                 secret.Digest // of the token that says so
	OnceUntil            time.Time
	Event                Event // of each account whose sessions end; the store completes it
	Now                  time.Time
}
