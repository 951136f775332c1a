package authcore

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Account is one person's account. The zero time means "not".
type Account struct {
	ID              uuid.UUID // v4: it goes to upstreams and must not tell when the account was made
	Email           string    // normalised; "" for none
	EmailVerifiedAt time.Time
	// EmailVerifiedBy is the provider by whose word alone the address is verified; "" where the gateway itself has verified it.
	EmailVerifiedBy string
	Username        string // normalised; "" for none
	Phone           string // E.164; "" for none
	PhoneVerifiedAt time.Time
	FirstName       string
	LastName        string
	AvatarURL       string         // the name of its picture, from which the URL is made; "" for none
	Locale          string         // BCP 47; "" for none
	Fields          map[string]any // of the option user_field, as JSON has them; nil for none
	Roles           []string
	PasswordHash    string // PHC string; "" for none
	// PendingEmail and PendingPhone are what the account has asked to be known by and has not verified yet. They count for nothing
	// once PendingEmailUntil and PendingPhoneUntil have passed.
	PendingEmail      string
	PendingEmailUntil time.Time
	PendingPhone      string
	PendingPhoneUntil time.Time
	// Epoch is in every token; raising it ends every session of the account at once.
	Epoch int64
	// RolesVersion is in every token; raising it makes every access token be renewed, without a new sign-in.
	RolesVersion int64
	DisabledAt   time.Time
	DeletesAt    time.Time // when an account whose owner has left is deleted; disabled until then
	InvitedBy    uuid.UUID // the account that invited its owner; zero for none
	// MadeByOperator is an account that whoever runs the gateway has made. Its owner signs in before its address is verified, and
	// nobody else gets it by verifying that address.
	MadeByOperator bool
	// EmailReused says that the verified address was another account's before: services do not get it as the name of the user,
	// for whoever has it now would inherit what the former owner has there.
	EmailReused bool
	Muted       []string // the kinds of mail that the owner has switched off
	// MFAEnabledAt is since when sign-ins ask for a second factor; MFAPreferred is the type that its owner wants to be asked for first,
	// "" for any.
	MFAEnabledAt time.Time
	MFAPreferred FactorType
	// MFADemandedAt is since when an administrator has sign-ins of the account ask for a second factor; zero: they do not.
	MFADemandedAt time.Time
	// EmailSetAt and PhoneSetAt are when an administrator has put the present address or number in place of the owner's; zero: nobody has.
	EmailSetAt time.Time
	PhoneSetAt time.Time
	// PasswordBy is the channel of the reset that set the password, until another kind of proof has been given once; "" for none.
	// Whoever reads that channel has the password, so the channel is no second factor beside it.
	PasswordBy Channel
	// PasswordShort: the password is too short to stand alone, and was taken because second factors were on.
	PasswordShort bool
	// BreachToldAt is when the owner was told that the password is of a known breach; zero: never, for this password.
	BreachToldAt time.Time
	// Number is the account's in place of an id, where a program wants an integer: positive, and never given to another account, also
	// after a deletion. The database gives it: of an account that is not stored yet it is 0.
	Number    int64
	CreatedAt time.Time
	UpdatedAt time.Time
}

// EmailVerified reports whether the account's address has been verified.
func (a Account) EmailVerified() bool { return a.Email != "" && !a.EmailVerifiedAt.IsZero() }

// VerifiedEmail returns the address if it has been verified, else "". Nothing that leaves towards an upstream or a token
// uses any other address: an unverified one could be anybody's.
func (a Account) VerifiedEmail() string {
	if a.EmailVerified() {
		return a.Email
	}
	return ""
}

// PhoneVerified reports whether the account's number has been verified.
func (a Account) PhoneVerified() bool { return a.Phone != "" && !a.PhoneVerifiedAt.IsZero() }

// Pending is an address or number that an account has asked to be known by and not verified yet.
type Pending struct {
	Channel Channel
	Address string // normalised
	Until   time.Time
}

// Pending returns what waits to be verified at a time; an address goes before a number.
func (a Account) Pending(now time.Time) []Pending {
	var all []Pending
	for _, p := range []Pending{{ByEmail, a.PendingEmail, a.PendingEmailUntil}, {BySMS, a.PendingPhone, a.PendingPhoneUntil}} {
		if p.Address != "" && p.Until.After(now) {
			all = append(all, p)
		}
	}
	return all
}

// Disabled reports whether the account may not sign in.
func (a Account) Disabled() bool { return !a.DisabledAt.IsZero() }

// MFAEnabled reports whether the owner has switched second factors on.
func (a Account) MFAEnabled() bool { return !a.MFAEnabledAt.IsZero() }

// MFADemanded reports whether an administrator has sign-ins of the account ask for a second factor.
func (a Account) MFADemanded() bool { return !a.MFADemandedAt.IsZero() }

// ContactWatch is for how long what is sent to an address or number that an administrator has set asks for an existing factor besides, where
// there is one: whoever had a help desk put theirs in must not get in by it alone. The former address can take it back for as long.
const ContactWatch = 7 * 24 * time.Hour

// Watched reports whether an administrator has set the account's address, or its number, within the time of [ContactWatch].
func (a Account) Watched(ch Channel, now time.Time) bool {
	value, set := a.Email, a.EmailSetAt
	if ch == BySMS {
		value, set = a.Phone, a.PhoneSetAt
	}
	return value != "" && !set.IsZero() && now.Before(set.Add(ContactWatch))
}

// TakesCodes reports whether codes and links that sign in or set a password go to the account's address, or its number: it is verified, or an
// administrator has set it. Whoever uses one of those verifies it.
func (a Account) TakesCodes(ch Channel) bool {
	if ch == BySMS {
		return a.PhoneVerified() || a.Phone != "" && !a.PhoneSetAt.IsZero()
	}
	return a.EmailVerified() || a.Email != "" && !a.EmailSetAt.IsZero()
}

// Name returns first and last name joined by one space, or what there is of them.
func (a Account) Name() string {
	return strings.TrimSpace(a.FirstName + " " + a.LastName)
}

// Label is what an account is called where another name than its own is needed: its address, or else a name, or its number.
func (a Account) Label() string {
	return cmp.Or(a.Email, a.Username, a.Name(), a.Phone)
}

// IdentifierKind names a field by which accounts are found.
type IdentifierKind string

// The kinds of identifier.
const (
	KindEmail    IdentifierKind = "email"
	KindUsername IdentifierKind = "username"
	KindPhone    IdentifierKind = "phone"
)

// Channel is how a code, a link or a notice reaches somebody.
type Channel string

// The channels.
const (
	ByEmail Channel = "email"
	BySMS   Channel = "phone" // named in answers after what is verified
)

// Identifier is a normalised value that finds at most one account. A value once used (a username, a verified address)
// stays with its account for ever, also after a change or a deletion, and is never given to another.
type Identifier struct {
	Kind  IdentifierKind
	Value string
}

// Registration is a sign-up that waits until its address is verified. Several may wait for one address: whoever proves
// the address picks theirs with the proof (secret or password) given at registration, so that nobody can plant a
// password on a stranger's address.
type Registration struct {
	ID           uuid.UUID
	Channel      Channel
	Address      string // normalised e-mail address, or E.164 number
	ProofDigest  []byte // digest of the registration secret given to the client
	PasswordHash string
	Username     string
	FirstName    string
	LastName     string
	Phone        string
	Email        string // a contact address; "" where Address is the account's, or there is none
	Locale       string
	Fields       map[string]any
	InvitationID uuid.UUID // that it came with; zero for none
	Number       int64     // that its account gets; 0: none is reserved
	CreatedAt    time.Time
	ExpiresAt    time.Time
}

// ProfileChange lists the profile fields to change; nil means "leave". An empty username means "none".
type ProfileChange struct {
	Username  *string
	FirstName *string
	LastName  *string
	Phone     *string
	Rename    *Rename // what a change of the username must find; nil: it is none
	Locale    *string
	Fields    map[string]any // a merge patch: nil removes a field
}

// Rename is what a change of a username must find, so that what is told of it is true, and so that it is not one too many.
type Rename struct {
	From  string    // the username before
	Since time.Time // from when on changes count
	Most  int       // that there may have been since, this one not counted
	// Before is the account as it was, where its other ways in were looked at; nil: it may have changed. Left is what alone is left.
	Before *Account
	Left   LastWay
}

// LastWay is what alone is left to sign in by after a change that takes a way in: it must be there when the change is written. Else two
// changes at once, of which each leaves what the other takes, leave an account that nobody can sign in to. Zero: there is more.
type LastWay struct {
	Passkey    bool      // some passkey
	Connection uuid.UUID // this connection with somebody at an identity provider
}

// The roles that mean something to the gateway itself. Every other one is the operator's.
const (
	RoleAdmin   = "admin"   // administers the gateway
	RoleAuditor = "auditor" // sees what an administrator sees, and changes nothing
)

// Admins are the normalised addresses of the option `admins`. The role admin that they give is stored nowhere: who loses the address,
// or is taken off the list, has it no more.
type Admins []string

// Has reports whether the option makes the account an administrator: it does for whoever has verified one of the addresses.
// The word of a provider is none: its administrators are not ours.
func (s Admins) Has(a Account) bool {
	return a.EmailVerified() && a.EmailVerifiedBy == "" && slices.Contains(s, a.Email)
}

// Administers reports whether the account is an administrator's, by its own roles or by the option.
func (s Admins) Administers(a Account) bool { return s.Has(a) || slices.Contains(a.Roles, RoleAdmin) }

// Roles returns the roles of the account: those that are stored, and admin where the option gives it.
func (s Admins) Roles(a Account) []string {
	if s.Has(a) && !slices.Contains(a.Roles, RoleAdmin) {
		return append([]string{RoleAdmin}, a.Roles...)
	}
	return a.Roles
}

// MaxRoles is how many roles an account has at most.
const MaxRoles = 32

// RolesChange gives roles to an account and takes others away. What it has or lacks already stays so.
type RolesChange struct {
	AccountID   uuid.UUID
	Add, Remove []string // no role in both
	Now         time.Time
	Effects     Effects // written where anything changes
}

// Disabling disables an account, or enables it again.
type Disabling struct {
	AccountID uuid.UUID
	Disable   bool
	Now       time.Time
	Effects   Effects // written where anything changes
}

// PasswordChange sets another password for who has verified the present one.
type PasswordChange struct {
	AccountID    uuid.UUID
	Old          string // the hash that the current password was verified against
	PasswordHash string
	Short        bool // as Account.PasswordShort: it is written only if second factors are on then
	Now          time.Time
	Effects      Effects
}
