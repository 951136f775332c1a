package admin

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/userfield"
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
	Notices    *notice.Notices
	Ways       Ways
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
	if cfg.Store == nil || cfg.Directory == nil || cfg.Mailer == nil || cfg.Notices == nil || cfg.Ways == nil || len(cfg.Identities) == 0 || cfg.Now == nil {
		return nil, errors.New("admin: store, directory, mailer, notices, ways in, kinds of identifier and clock are required")
	}
	cfg.Fields = cfg.Fields.Writable()
	return &Users{cfg}, nil
}

// Edit says what to change; nil leaves a field as it is.
type Edit struct {
	Email     *string // an address or number is unverified then; "" removes it
	Phone     *string
	Username  *string
	FirstName *string
	LastName  *string
	Fields    map[string]any // a merge patch (RFC 7396)
	Roles     *[]string      // all that administrators give
	AddRoles  []string
	TakeRoles []string
	Disabled  *bool
	Reason    *string // of the disabling
	// Client is what mails to the owner need: the portal of their links, and a language. It is nobody's address.
	Client authcore.Client
}

// tries is how often a change is tried while other requests change the account.
const tries = 3

// Change changes an account, which is named by its id or number. actor is whose call it is; zero is the operator. match, unless nil, is
// asked about the account's version. Another address or number is unverified, ends every session, code and link, and is told to the former one
// with a link that takes it back. Refusals: [authcore.NotFound]; [authcore.PreconditionFailed]; [authcore.Forbidden] for one's own roles and
// disabling, and for the address or number of an administrator; [authcore.InvalidFields]; [authcore.Conflict]; [authcore.LastWayIn];
// [authcore.LastAdmin]; [authcore.ManagedByConfiguration] for a role that the option admins gives; [authcore.Unavailable].
func (u *Users) Change(ctx context.Context, actor uuid.UUID, which string, e Edit, match func(version string) bool) (a authcore.ManagedAccount, err error) {
	w, err := u.read(e)
	if err != nil {
		return a, err
	}
	for range tries {
		if a, err = u.change(ctx, actor, which, e, w, match); !errors.Is(err, errMoved) {
			break
		}
	}
	if err = conflict(err); err != nil {
		return a, refusal("change account", err)
	}
	return a, u.cfg.Directory.lock(ctx, &a)
}

func (u *Users) change(ctx context.Context, actor uuid.UUID, which string, e Edit, w wanted, match func(version string) bool) (authcore.ManagedAccount, error) {
	found, err := u.cfg.Directory.Get(ctx, which)
	if err != nil {
		return found, err
	}
	if match != nil && !match(found.Version()) {
		return found, errVersion()
	}
	c, err := u.contacts(ctx, actor, found, w, e.Client)
	if err != nil {
		return found, err
	}
	now := u.cfg.Now.Now()
	return u.cfg.Store.ChangeManaged(ctx, authcore.ManagedChange{
		AccountID: found.ID, Ends: e.Roles != nil || len(e.TakeRoles) > 0 || e.Disabled != nil && *e.Disabled || len(c.set) > 0,
		ClaimUsername: slices.Contains(u.cfg.Identities, authcore.KindUsername), Now: now,
		Decide: func(before authcore.ManagedAccount) (authcore.ManagedEdit, error) {
			if match != nil && !match(before.Version()) {
				return authcore.ManagedEdit{}, errVersion()
			}
			if !c.fits(before) {
				return authcore.ManagedEdit{}, errMoved
			}
			edit, err := u.decide(ctx, actor, before, e, w.profile, now)
			edit.Contacts, edit.Left = c.set, c.left
			for _, x := range c.set {
				authcore.AdminCallOf(ctx).Changed(string(x.Kind), valueOf(before.Account, x.Kind), x.Value)
			}
			return edit, err
		},
	})
}

func valueOf(a authcore.Account, kind authcore.IdentifierKind) string {
	if kind == authcore.KindPhone {
		return a.Phone
	}
	return a.Email
}

func errVersion() error {
	return authcore.Refuse(authcore.PreconditionFailed, "The account has changed since you read it. Read it again.")
}

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

// read checks what needs no look-up.
func (u *Users) read(e Edit) (w wanted, err error) {
	var broken authcore.FieldErrors
	field := func(name string, rule func(string) (string, error), value *string) *string {
		if value == nil || *value == "" {
			return value
		}
		normal, err := rule(*value)
		broken.AddError(name, err)
		return &normal
	}
	w.email, w.phone = field("email", identifier.NewEmail, e.Email), field("phone", u.cfg.Numbers.Read, e.Phone)
	w.profile = authcore.ProfileChange{
		Username: field("username", identifier.Username, e.Username), FirstName: field("first_name", identifier.PersonName, e.FirstName),
		LastName: field("last_name", identifier.PersonName, e.LastName),
	}
	fields, wrong := u.cfg.Fields.Change(e.Fields)
	w.profile.Fields, broken = fields, append(broken, wrong...)
	if e.Reason != nil {
		_, err := identifier.Line(*e.Reason, maxReason)
		broken.AddError("disabled_reason", err)
	}
	return w, broken.Refusal()
}

// maxReason is how long the reason of a disabling is at most, in characters.
const maxReason = 200

var noTime time.Time

// decide returns the edit of an account as it is, and notes what it changes.
func (u *Users) decide(ctx context.Context, actor uuid.UUID, before authcore.ManagedAccount, e Edit, p authcore.ProfileChange, now time.Time) (edit authcore.ManagedEdit, err error) {
	call := authcore.AdminCallOf(ctx)
	for name, field := range map[string]struct {
		after  *string
		before string
	}{"username": {p.Username, before.Username}, "first_name": {p.FirstName, before.FirstName}, "last_name": {p.LastName, before.LastName}} {
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
	edit.Profiled = u.told(ctx, authcore.EventProfileChanged, before, now)
	if err := u.decideRoles(actor, before, e, &edit); err != nil {
		return edit, err
	}
	if len(edit.AddRoles)+len(edit.TakeRoles) > 0 {
		call.Changed("roles", before.Roles, rolesAfter(before.Roles, edit))
		edit.RolesChanged = u.told(ctx, authcore.EventRolesChanged, before, now)
	}
	return edit, u.decideDisabling(ctx, actor, before, e, &edit, now)
}

// told is an event of the account. The history of its owner says of whoever runs the gateway that they did it, and of administrators nothing.
func (u *Users) told(ctx context.Context, kind authcore.EventKind, a authcore.ManagedAccount, now time.Time) authcore.Effects {
	return authcore.Effects{Events: []authcore.Event{toldBy(ctx, audit.Event(kind, a.ID, authcore.Client{}, now))}}
}

func toldBy(ctx context.Context, e authcore.Event) authcore.Event {
	if authcore.AdminCallOf(ctx).ByOperator() {
		e.Method = ByOperator
	}
	return e
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
	// What a provider gives goes with it. Who gives the same by name means it to stay; a whole list of roles may only repeat what there is.
	byProvider := func(role string) bool {
		return e.Roles == nil && slices.Contains(before.Roles, role) && !slices.Contains(before.GivenRoles, role)
	}
	add = slices.DeleteFunc(add, func(role string) bool { return slices.Contains(has, role) && !byProvider(role) })
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
	left := slices.DeleteFunc(slices.Clone(roles), func(role string) bool {
		return slices.Contains(edit.TakeRoles, role) || slices.Contains(edit.AddRoles, role)
	})
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
		edit.Disable, edit.Disabled = e.Disabled, u.told(ctx, kind, before, now)
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
