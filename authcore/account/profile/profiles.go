package profile

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
)

// Store is what profiles read and write.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// UpdateProfile changes the given fields; claimUsername says whether usernames must be unique. *TakenError, ErrNotFound; of a
	// Rename [ErrRenamed] where the username is no longer From, and [ErrLimit] where it has changed Most times since.
	UpdateProfile(ctx context.Context, id uuid.UUID, change authcore.ProfileChange, claimUsername bool, now time.Time,
		fx authcore.Effects) (authcore.Account, error)
}

// What a store answers to an [authcore.Rename].
var (
	ErrRenamed = errors.New("the username is another one by now")
	ErrLimit   = errors.New("the username was changed too often")
)

// Config is what Profiles need.
type Config struct {
	Store   Store
	Notices *notice.Notices
	Factors *factor.Factors
	// Identities are the kinds of identifier that sign in, and thus must be unique.
	Identities []authcore.IdentifierKind
	Fields     userfield.Set      // that the operator has added
	Locales    identifier.Locales // that people can choose
	Numbers    identifier.Numbers // how phone numbers are read, and which are taken
	Admins     authcore.Admins    // of the option: their accounts have the role
	Blocks     *block.Blocks      // which usernames rules keep from people; nil: none
	Now        func() time.Time
}

// Profiles reads and changes profiles. It is safe for concurrent use.
type Profiles struct {
	store           Store
	notices         *notice.Notices
	factors         *factor.Factors
	uniqueUsernames bool
	numbers         identifier.Numbers
	fields          userfield.Set
	locales         identifier.Locales
	admins          authcore.Admins
	blocks          *block.Blocks
	phonesSignIn    bool // so that they are verified, and change in a flow of their own
	clock           authcore.Clock
}

// New checks cfg.
func New(cfg Config) (*Profiles, error) {
	if cfg.Store == nil || cfg.Notices == nil || cfg.Factors == nil || cfg.Now == nil {
		return nil, errors.New("profile: store, notices, factors and clock are required")
	}
	return &Profiles{
		store: cfg.Store, notices: cfg.Notices, factors: cfg.Factors, clock: cfg.Now, numbers: cfg.Numbers, fields: cfg.Fields, locales: cfg.Locales,
		admins: cfg.Admins, blocks: cfg.Blocks,
		uniqueUsernames: slices.Contains(cfg.Identities, authcore.KindUsername),
		phonesSignIn:    slices.Contains(cfg.Identities, authcore.KindPhone),
	}, nil
}

// Patch lists the fields to change; nil leaves one as it is, "" empties it. Phone is a contact number that nobody verifies: where numbers
// sign in it is ignored, for there they change by verifying the new one.
type Patch struct {
	Username  *string
	FirstName *string
	LastName  *string
	Phone     *string
	Locale    *string
	Fields    map[string]any // a JSON merge patch (RFC 7396); nil leaves all
}

func (p Patch) empty() bool {
	return p.Username == nil && p.FirstName == nil && p.LastName == nil && p.Phone == nil && p.Locale == nil
}

// Fields returns the fields that the operator has added.
func (p *Profiles) Fields() userfield.Set { return p.fields }

// Locales returns the languages that people can choose.
func (p *Profiles) Locales() identifier.Locales { return p.locales }

// Phone reports whether the profile has a number that its owner types in: where numbers sign in it has none.
func (p *Profiles) Phone() bool { return !p.phonesSignIn }

// Get returns the account. [authcore.InvalidToken] when it is gone: then no token of it is good any more.
func (p *Profiles) Get(ctx context.Context, id uuid.UUID) (authcore.Account, error) {
	a, err := p.store.AccountByID(ctx, id)
	return a, authcore.OwnerGone("read profile", err)
}

// Locale returns the language that the account has chosen, as a BCP 47 tag; "" for none, and where that cannot be found out.
func (p *Profiles) Locale(ctx context.Context, id uuid.UUID) string {
	a, err := p.store.AccountByID(ctx, id)
	if err != nil {
		return ""
	}
	return a.Locale
}

// Change changes the given fields and returns the account as it is then. Refusals: [authcore.InvalidFields] with every
// broken rule, also for a username that is taken; [authcore.LimitReached] when the username has changed too often; [authcore.LastWayIn]
// when nothing else would find the account; [authcore.InvalidToken] as for Get.
func (p *Profiles) Change(ctx context.Context, id uuid.UUID, patch Patch, c authcore.Client) (authcore.Account, error) {
	if p.phonesSignIn {
		patch.Phone = nil
	}
	change, err := p.normalise(patch)
	if err != nil {
		return authcore.Account{}, err
	}
	if patch.empty() && len(change.Fields) == 0 {
		return p.Get(ctx, id)
	}
	a, err := p.update(ctx, id, change, c)
	var taken *authcore.TakenError
	if errors.As(err, &taken) {
		return authcore.Account{}, authcore.RefuseField(string(taken.Field), taken.Rule())
	}
	if errors.Is(err, ErrLimit) {
		return authcore.Account{}, authcore.Refuse(authcore.LimitReached, "The username was changed three times in the last 30 days. Try again later.")
	}
	return a, authcore.OwnerGone("change profile", err)
}

func (p *Profiles) normalise(patch Patch) (authcore.ProfileChange, error) {
	var broken authcore.FieldErrors
	field := func(name string, rule func(string) (string, error), value *string) *string {
		if value == nil || *value == "" {
			return value
		}
		normal, err := rule(*value)
		broken.AddError(name, err)
		return &normal
	}
	change := authcore.ProfileChange{
		Username:  field("username", identifier.Username, patch.Username),
		FirstName: field("first_name", identifier.PersonName, patch.FirstName),
		LastName:  field("last_name", identifier.PersonName, patch.LastName),
		Phone:     field("phone", p.numbers.Read, patch.Phone),
		Locale:    field("locale", p.locales.Read, patch.Locale),
	}
	fields, wrong := p.fields.Change(patch.Fields)
	change.Fields = fields
	broken = append(broken, wrong...)
	if change.Username != nil && p.phonesSignIn {
		if _, err := p.numbers.Read(*change.Username); err == nil {
			broken.Add("username", authcore.UsernameReserved) // it would sign in as somebody's number
		}
	}
	return change, broken.Refusal()
}
