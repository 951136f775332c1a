package authcore

import (
	"net/netip"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Mode says how a session's tokens are delivered.
type Mode string

// The modes. They are part of what makes "the same kind of client" for the leeway of a refresh.
const (
	ModeBearer Mode = "bearer" // in the bodies of answers, to be sent back in Authorization headers
	ModeCookie Mode = "cookie" // in cookies
	// ModeDialect: as bearer, in the form of another system's tokens. They are good at guards that accept them and at the calls of their
	// dialect, and nowhere else.
	ModeDialect Mode = "dialect"
)

// CredentialKind says by what a request was authenticated.
type CredentialKind string

// The kinds.
const (
	BearerToken   CredentialKind = "bearer"  // an access token in the Authorization header
	SessionCookie CredentialKind = "cookie"  // an access token in a cookie
	DialectToken  CredentialKind = "dialect" // an access token of a dialect, in the Authorization header
)

// Credential returns the kind of the access tokens that are delivered like this.
func (m Mode) Credential() CredentialKind {
	switch m {
	case ModeCookie:
		return SessionCookie
	case ModeDialect:
		return DialectToken
	}
	return BearerToken
}

// Client is what is known of the sender of a request, resolved by the caller: the address from Caddy's trusted_proxies
// result only, the issuer and portal from configuration only, never from a Host header.
type Client struct {
	Addr      netip.Addr
	UserAgent string // cut to 512 bytes
	Issuer    string // `iss` of tokens issued on this request, an origin such as https://auth.example.com
	// Origin is what the request came to, as scheme://name: child sessions are good at their own host alone. It is "" where the site
	// there does not name its hosts, for then whoever sends the request says what it came to.
	Origin string
	Host   string // that it came to, with its port unless that is the default, as its sender says; "" where that is no host
	Portal string // base URL of pages and links: issuer plus prefix, without a final slash
	Lang   string // in which language to write to them, BCP 47; "" means en
}

// MaxUserAgent is the length in bytes to which user agents are cut.
const MaxUserAgent = 512

// Session is one sign-in on one device, and the family of its refresh tokens. Where a browser is handed over to another
// host it gets a session of its own there: a child session, which ends with its parent.
type Session struct {
	ID               uuid.UUID // v7; travels as `sid`
	AccountID        uuid.UUID
	AccountEpoch     int64 // the account's epoch at sign-in; the session is dead once the account's is higher
	Mode             Mode
	AMR              []string  // RFC 8176
	AuthTime         time.Time // last real authentication
	CreatedAt        time.Time
	LastSeenAt       time.Time
	RefreshDigest    secret.Digest // of the live refresh token
	RefreshExpiresAt time.Time     // slides with every refresh, never past ExpiresAt
	ExpiresAt        time.Time     // absolute end
	AccessUntil      time.Time     // latest expiry of any access token issued for this session
	Addr             string
	UserAgent        string
	DeviceName       string
	DeviceID         uuid.UUID // the device of the account that signed in; zero where none is known
	ShortLived       bool      // signed in with "remember": false: it ends early, and its cookies with the browser
	RevokedAt        time.Time
	// ParentID is the parent that a child session ends with; zero for a parent. A child of a child hangs on the parent.
	ParentID uuid.UUID
	Origin   string // the origin that a child session is for, such as https://app.example.com; "" for a parent
}

// LiveSession is what whoever serves a session over a long time has to know of it.
type LiveSession struct {
	ID           uuid.UUID
	RolesVersion int64 // the account's, as it is now
}

// ChildSession opens a child session after a hand-over.
type ChildSession struct {
	ChallengeID uuid.UUID
	Token       secret.Digest // of what the browser brought
	Bound       secret.Digest // to what it must have been issued for: the challenge's CodeDigest
	Origin      string        // that it was brought to
	// Session is the child session. The store fills in its account, epoch, parent, methods, device and what comes with "remember" from
	// the session that is handed over, and caps its ends by that one's.
	Session Session
	Now     time.Time
	Opened  Event // told of with the change; the store completes it with account and session
}

// Rotation asks to replace the live refresh token of a session (design §1.2).
type Rotation struct {
	SessionID        uuid.UUID
	Token            secret.Digest // of the token the client sent
	Origin           string        // that it was sent to: a child session is renewed at its own alone, and stays a browser's
	Next             secret.Digest // of its successor
	SealedSuccessor  []byte        // the successor, sealed under a key that only the presented token yields
	Mode             Mode
	Addr             string
	UserAgent        string
	Now              time.Time
	Leeway           time.Duration // within it the same kind of client gets the same successor again
	Keep             time.Duration // how long the sealed successor is kept for others; at least Leeway
	Lookup           bool          // Next does not say whose it is: the store notes that (SessionOpening.Lookup)
	RefreshExpiresAt time.Time     // wanted; the store caps it at the session's absolute end
	AccessUntil      time.Time     // latest expiry of the access tokens this rotation or its leeway can yield
	// Repeat and Replay are the events that tell of the outcomes Repeated and Replayed: of who presented the token, not of
	// the session's owner. The store completes them with account and session.
	Repeat, Replay Event
}

// Replacement puts a session in place of one whose user has proved themselves again. The new one is the user's from now on; the old one
// is dead for good, so that whoever has a copy of its tokens gets nothing of it (S03).
type Replacement struct {
	Old uuid.UUID // a live session of the account of Session, and no child session
	// Session is the new one. The store fills in name, device and ShortLived from the old one; then ShortEnd caps its ends.
	Session  Session
	ShortEnd time.Time
	// Sealed is the refresh token of Session for whoever comes within Leeway with one of the old session: the answer may have been
	// lost, or another request of the same browser been under way.
	Sealed []byte
	Leeway time.Duration
	// Pending is the step-up that has waited, which ends by it: where it is gone nothing is replaced. Zero where none did.
	Pending     uuid.UUID
	ForgetReset bool    // as in [SessionOpening]
	Effects     Effects // the store completes DeviceID of the events of Session
}

// Renewal asks for another access token of a session of a dialect, whose refresh tokens stay as they are.
type Renewal struct {
	SessionID       uuid.UUID
	Addr, UserAgent string
	Now             time.Time
	// RefreshExpiresAt is the end of a refresh token that is issued beside those that are out: they end when they end. Zero for none.
	// The store caps it at the session's absolute end.
	RefreshExpiresAt time.Time
	Next             secret.Digest // of that refresh token: it is the session's from now on; zero for none
	AccessUntil      time.Time     // latest expiry of the access tokens that this can yield
}

// RotationOutcome is how a rotation ended.
type RotationOutcome int

// The outcomes.
const (
	// Rotated: this caller won; its Next is the live token.
	Rotated RotationOutcome = iota + 1
	// Repeated: the presented token was rotated less than Leeway ago by the same kind of client and its successor has
	// not been used: SealedSuccessor is what the winner stored. Nothing else changed (one event is written).
	Repeated
	// Replayed: a dead token came back. The session is revoked, and that is committed.
	Replayed
	// Superseded: a step-up replaced the session less than Leeway ago, and the same kind of client comes with its refresh token. Session
	// is the one in its place, and SealedSuccessor what [Replacement] stored. Nothing else changed (one event is written).
	Superseded
)

// RotationResult is what the store found. Where it is Rotated, Session and Account hold what tokens are made from and what their
// owner is told, and no more: CreatedAt, AccessUntil, DeviceName, DeviceID, RevokedAt and ParentID of the session are zero, and so are
// DisabledAt, DeletesAt, MadeByOperator, Muted, EmailSetAt, PhoneSetAt and UpdatedAt of the account, and unless the mode is dialect its Number. Of its PasswordHash it is known only whether there is one.
type RotationResult struct {
	Outcome         RotationOutcome
	Session         Session
	Account         Account
	SealedSuccessor []byte // Repeated and Superseded only
}

// Principal is who a request is made by: what a verified access token says. It holds no secret and is shared between
// requests: nobody may change it.
type Principal struct {
	AccountID    uuid.UUID
	SessionID    uuid.UUID
	Subject      string // AccountID as text
	Session      string // SessionID as text
	Epoch        int64
	RolesVersion int64
	Email        string // only a verified one
	EmailReused  bool   // it was another account's before, so that services do not get it as the name of the user
	Username     string
	Name         string
	Fields       string // a JSON object of those fields of the operator's own that tokens have; "" for none
	Roles        []string
	Issuer       string
	Audience     []string
	AMR          []string
	AuthTime     time.Time
	ExpiresAt    time.Time
	KeyID        string
	Credential   CredentialKind
	// Origin is the origin that the session is a child session for: the token is good there alone. "" for every other session.
	Origin string
}

// Holder returns what revocations are compared with.
func (p *Principal) Holder() Holder {
	return Holder{SessionID: p.SessionID, AccountID: p.AccountID, Epoch: p.Epoch, RolesVersion: p.RolesVersion}
}
