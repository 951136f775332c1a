package admin

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// UserStore is what Users change.
type UserStore interface {
	// CreateManaged stores a new account with what belongs to it. *TakenError names the first identifier that belongs to somebody else.
	CreateManaged(ctx context.Context, c authcore.ManagedCreation) (authcore.ManagedAccount, error)
	// ChangeManaged changes an account as c decides, in one transaction, and returns it as it is then. ErrNotFound, ErrLastAdmin,
	// ErrTooManyRoles, ErrLeaving, *TakenError, and what Decide returns.
	ChangeManaged(ctx context.Context, c authcore.ManagedChange) (authcore.ManagedAccount, error)
}

// UsersConfig is what Users need. All of it is required but where it says otherwise.
type UsersConfig struct {
	Store      UserStore
	Directory  *Directory
	Mailer     challenge.Mailer
	Identities []authcore.IdentifierKind
	Numbers    identifier.Numbers
	Fields     userfield.Set   // of the option user_field; none is possible
	Admins     authcore.Admins // of the option; none is possible
	NoPassword bool            // as Config.NoPassword
	Now        authcore.Clock
}

// Users are accounts that administrators make and change, by the API and by the console. It is safe for concurrent use.
type Users struct{ cfg UsersConfig }

// NewUsers checks cfg.
func NewUsers(cfg UsersConfig) (*Users, error) {
	if cfg.Store == nil || cfg.Directory == nil || cfg.Mailer == nil || len(cfg.Identities) == 0 || cfg.Now == nil {
		return nil, errors.New("admin: store, directory, mailer, kinds of identifier and clock are required")
	}
	cfg.Fields = cfg.Fields.Writable()
	return &Users{cfg}, nil
}

// Edit says what to change; nil leaves a field as it is.
type Edit struct {
	Username  *string
	FirstName *string
	LastName  *string
	Phone     *string        // a contact number; where numbers sign in it changes by its own calls alone
	Fields    map[string]any // a merge patch (RFC 7396)
	Roles     *[]string      // all that administrators give
	AddRoles  []string
	TakeRoles []string
	Disabled  *bool
	Reason    *string // of the disabling
}

// Change changes an account, which is named by its id or number. actor is whose call it is; zero is the operator. match, unless nil, is
// asked about the account's version. Refusals: [authcore.NotFound]; [authcore.PreconditionFailed]; [authcore.Forbidden] for one's own roles and
// disabling; [authcore.InvalidFields]; [authcore.Conflict]; [authcore.LastAdmin]; [authcore.ManagedByConfiguration] for a role that the option
// admins gives; [authcore.Unavailable].
func (u *Users) Change(ctx context.Context, actor uuid.UUID, which string, e Edit, match func(version string) bool) (authcore.ManagedAccount, error) {
	profile, err := u.profile(e)
	if err != nil {
		return authcore.ManagedAccount{}, err
	}
	found, err := u.cfg.Directory.Get(ctx, which)
	if err != nil {
		return found, err
	}
	now := u.cfg.Now.Now()
	a, err := u.cfg.Store.ChangeManaged(ctx, authcore.ManagedChange{
		AccountID: found.ID, Ends: e.Roles != nil || len(e.TakeRoles) > 0 || e.Disabled != nil && *e.Disabled,
		ClaimUsername: slices.Contains(u.cfg.Identities, authcore.KindUsername), Now: now,
		Decide: func(before authcore.ManagedAccount) (authcore.ManagedEdit, error) {
			if match != nil && !match(before.Version()) {
				return authcore.ManagedEdit{}, authcore.Refuse(authcore.PreconditionFailed, "The account has changed since you read it. Read it again.")
			}
			return u.decide(ctx, actor, before, e, profile, now)
		},
	})
	if err = conflict(err); err != nil {
		return a, refusal("change account", err)
	}
	return a, u.cfg.Directory.lock(ctx, &a)
}

// WritesPhone reports whether administrators write the number of an account: where numbers sign in they do not.
func (u *Users) WritesPhone() bool { return !slices.Contains(u.cfg.Identities, authcore.KindPhone) }

// Replacing returns the merge patch that makes fields of the option user_field as given, and removes all others.
func (u *Users) Replacing(fields map[string]any) map[string]any { return u.cfg.Fields.Replace(fields) }

// conflict turns an identifier that is taken into what may be seen of it.
func conflict(err error) error {
	var taken *authcore.TakenError
	if !errors.As(err, &taken) {
		return err
	}
	e := authcore.Refuse(authcore.Conflict, "An account with this "+string(taken.Field)+" already exists.")
	e.Fields.Add(string(taken.Field), taken.Rule())
	return e
}

func (u *Users) profile(e Edit) (change authcore.ProfileChange, err error) {
	var broken authcore.FieldErrors
	field := func(name string, rule func(string) (string, error), value *string) *string {
		if value == nil || *value == "" {
			return value
		}
		normal, err := rule(*value)
		broken.AddError(name, err)
		return &normal
	}
	phone := e.Phone
	if !u.WritesPhone() {
		phone = nil
	}
	change = authcore.ProfileChange{
		Username: field("username", identifier.Username, e.Username), FirstName: field("first_name", identifier.PersonName, e.FirstName),
		LastName: field("last_name", identifier.PersonName, e.LastName), Phone: field("phone", u.cfg.Numbers.Read, phone),
	}
	fields, wrong := u.cfg.Fields.Change(e.Fields)
	change.Fields, broken = fields, append(broken, wrong...)
	if e.Reason != nil {
		_, err := identifier.Line(*e.Reason, maxReason)
		broken.AddError("disabled_reason", err)
	}
	return change, broken.Refusal()
}

// maxReason is how long the reason of a disabling is at most, in characters.
const maxReason = 200

// decide returns the edit of an account as it is, and notes what it changes.
func (u *Users) decide(ctx context.Context, actor uuid.UUID, before authcore.ManagedAccount, e Edit, p authcore.ProfileChange, now time.Time) (edit authcore.ManagedEdit, err error) {
	call := authcore.AdminCallOf(ctx)
	if p.Username != nil && *p.Username == "" && before.Email == "" && before.Phone == "" {
		return edit, authcore.RefuseField("username", authcore.Required)
	}
	for name, field := range map[string]struct {
		after  *string
		before string
	}{"username": {p.Username, before.Username}, "first_name": {p.FirstName, before.FirstName}, "last_name": {p.LastName, before.LastName}, "phone": {p.Phone, before.Phone}} {
		if field.after != nil && *field.after != field.before {
			call.Changed(name, field.before, *field.after)
			edit.Profile = &p
		}
	}
	for name, value := range p.Fields {
		if !reflect.DeepEqual(before.Fields[name], value) {
			call.Changed("fields."+name, before.Fields[name], value)
			edit.Profile = &p
		}
	}
	edit.Profiled = u.told(authcore.EventProfileChanged, before, now)
	if err := u.decideRoles(actor, before, e, &edit); err != nil {
		return edit, err
	}
	if len(edit.AddRoles)+len(edit.TakeRoles) > 0 {
		call.Changed("roles", before.Roles, rolesAfter(before.Roles, edit))
		edit.RolesChanged = u.told(authcore.EventRolesChanged, before, now)
	}
	return edit, u.decideDisabling(ctx, actor, before, e, &edit, now)
}

func (u *Users) told(kind authcore.EventKind, a authcore.ManagedAccount, now time.Time) authcore.Effects {
	return authcore.Effects{Events: []authcore.Event{audit.Event(kind, a.ID, authcore.Client{}, now)}}
}

// decideRoles asks which roles come and go. Nobody changes their own (a lower role would make itself a higher one, and a mistake could
// not be taken back).
func (u *Users) decideRoles(actor uuid.UUID, before authcore.ManagedAccount, e Edit, edit *authcore.ManagedEdit) error {
	add, broken := identifier.Roles(e.AddRoles)
	take, more := identifier.Roles(e.TakeRoles)
	if broken = append(broken, more...); e.Roles != nil {
		wanted, wrong := identifier.Roles(*e.Roles)
		broken = append(broken, wrong...)
		add = wanted
		for _, role := range u.cfg.Admins.Roles(before.Account) {
			if !slices.Contains(wanted, role) {
				take = append(take, role)
			}
		}
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	has := u.cfg.Admins.Roles(before.Account)
	add = slices.DeleteFunc(add, func(role string) bool { return slices.Contains(has, role) })
	take = slices.DeleteFunc(take, func(role string) bool { return !slices.Contains(has, role) })
	switch {
	case len(add)+len(take) == 0:
		return nil
	case actor == before.ID:
		return authcore.Refuse(authcore.Forbidden, "You cannot change your own roles. Ask another administrator.")
	case slices.Contains(take, authcore.RoleAdmin) && u.cfg.Admins.Has(before.Account):
		return authcore.Refuse(authcore.ManagedByConfiguration, "The option admins makes this account an administrator. Take its address off that list.")
	}
	edit.AddRoles, edit.TakeRoles = add, take
	return nil
}

func rolesAfter(roles []string, edit authcore.ManagedEdit) []string {
	left := slices.DeleteFunc(slices.Clone(roles), func(role string) bool { return slices.Contains(edit.TakeRoles, role) })
	return append(append([]string{}, left...), edit.AddRoles...)
}

func (u *Users) decideDisabling(ctx context.Context, actor uuid.UUID, before authcore.ManagedAccount, e Edit, edit *authcore.ManagedEdit, now time.Time) error {
	call := authcore.AdminCallOf(ctx)
	if e.Disabled != nil && *e.Disabled != before.Disabled() {
		if actor == before.ID {
			return authcore.Refuse(authcore.Forbidden, "You cannot disable your own account. Ask another administrator.")
		}
		kind := authcore.EventEnabled
		if *e.Disabled {
			kind = authcore.EventDisabled
		}
		edit.Disable, edit.Disabled = e.Disabled, u.told(kind, before, now)
		call.Changed("disabled", before.Disabled(), *e.Disabled)
	}
	reason := e.Reason
	if e.Disabled != nil && !*e.Disabled { // of what is over nothing is said
		none := ""
		reason = &none
	}
	if reason != nil && *reason != before.DisabledReason {
		edit.Reason = reason
		call.Changed("disabled_reason", before.DisabledReason, *reason)
	}
	return nil
}

// NewUser is an account to be made, as it was typed.
type NewUser struct {
	Email, Username            string // at least one of them; of a service the username alone
	FirstName, LastName, Phone string
	Fields                     map[string]any
	Roles                      []string
	Kind                       authcore.AccountKind // "" is a person
	Disabled                   bool
	Send                       bool // mail the owner a link to set a password, which proves the address
	Client                     authcore.Client
}

// Create makes an account without a password. Refusals: [authcore.InvalidFields]; [authcore.Conflict], whose Fields name what is taken;
// [authcore.Unavailable].
func (u *Users) Create(ctx context.Context, in NewUser) (authcore.ManagedAccount, error) {
	c, err := u.creation(in)
	if err != nil {
		return authcore.ManagedAccount{}, err
	}
	c.Effects = u.told(authcore.EventCreatedByAdmin, authcore.ManagedAccount{Account: c.Account}, c.Account.CreatedAt)
	if in.Send && c.Account.Email != "" {
		if err := u.invite(&c, in.Client); err != nil {
			return authcore.ManagedAccount{}, err
		}
	}
	call := authcore.AdminCallOf(ctx)
	call.About(c.Account.ID)
	for name, value := range map[string]string{"email": c.Account.Email, "username": c.Account.Username, "kind": string(c.Kind)} {
		if value != "" {
			call.Changed(name, nil, value)
		}
	}
	if len(c.Account.Roles) > 0 {
		call.Changed("roles", nil, c.Account.Roles)
	}
	a, err := u.cfg.Store.CreateManaged(ctx, c)
	if err = conflict(err); err != nil {
		call.About(uuid.Nil)
		return a, refusal("create account", err)
	}
	return a, nil
}

func (u *Users) creation(in NewUser) (c authcore.ManagedCreation, err error) {
	now := u.cfg.Now.Now()
	var broken authcore.FieldErrors
	optional := func(name string, rule func(string) (string, error), text string) string {
		if text == "" {
			return ""
		}
		value, err := rule(text)
		broken.AddError(name, err)
		return value
	}
	a := authcore.Account{ID: uuid.New(), MadeByOperator: true, CreatedAt: now, UpdatedAt: now}
	a.Email, a.Username = optional("email", identifier.NewEmail, in.Email), optional("username", identifier.Username, in.Username)
	a.FirstName, a.LastName = optional("first_name", identifier.PersonName, in.FirstName), optional("last_name", identifier.PersonName, in.LastName)
	if u.WritesPhone() {
		a.Phone = optional("phone", u.cfg.Numbers.Read, in.Phone)
	}
	var wrong authcore.FieldErrors
	a.Fields, wrong = u.cfg.Fields.Change(in.Fields)
	broken = append(broken, wrong...)
	a.Roles, wrong = identifier.Roles(in.Roles)
	broken = append(broken, wrong...)
	c.Kind = authcore.KindPerson
	switch in.Kind {
	case "", authcore.KindPerson:
		if len(broken) == 0 && a.Email == "" && a.Username == "" {
			broken.Add("email", authcore.Required)
		}
	case authcore.KindService:
		c.Kind = in.Kind
		if a.Username == "" && len(broken.At("username")) == 0 {
			broken.Add("username", authcore.Required)
		}
		if in.Email != "" {
			broken.Add("email", authcore.NotForServices)
		}
	default:
		broken.Add("kind", authcore.KindUnknown)
	}
	if in.Disabled {
		a.DisabledAt = now
	}
	for _, id := range []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}, {Kind: authcore.KindUsername, Value: a.Username}} {
		if id.Value != "" && slices.Contains(u.cfg.Identities, id.Kind) {
			c.Identifiers = append(c.Identifiers, id)
		}
	}
	c.Account = a
	return c, broken.Refusal()
}

// invite adds the one mail of a new account: its link sets a password and proves the address. Where passwords are off it leads to the
// sign-in. Nobody but its reader ever sees it: whoever has it could choose the password.
func (u *Users) invite(c *authcore.ManagedCreation, client authcore.Client) error {
	a, link := c.Account, strings.TrimSuffix(client.Portal, "/")+"/login"
	if !u.cfg.NoPassword {
		token := secret.Token()
		c.Link = &authcore.Challenge{
			ID: uuid.Must(uuid.NewV7()), Purpose: authcore.PurposeResetPassword, Subject: identifier.AccountKey(a.ID), AccountID: a.ID, SentTo: a.Email,
			CodeDigest: secret.Digest(secret.Random(32)), TokenDigest: secret.SumString(token), // no code: nobody is sent one
			CreatedAt: a.CreatedAt, ExpiresAt: a.CreatedAt.Add(PasswordLinkLifetime),
		}
		link = strings.TrimSuffix(client.Portal, "/") + "/reset?token=" + token
	}
	mail, err := u.cfg.Mailer.Compose(authcore.Message{
		Kind: authcore.MailAccountCreated, AccountID: a.ID, To: a.Email, Name: a.Name(), Link: link, Expiry: PasswordLinkLifetime, At: a.CreatedAt, Lang: client.Lang,
	})
	if err != nil {
		return fmt.Errorf("compose mail of a new account: %w", err)
	}
	c.Effects.Mails = append(c.Effects.Mails, mail)
	return nil
}
