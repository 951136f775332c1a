package invite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is what the flow reads and writes.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// CreateInvitation stores an invitation unless its inviter has that many open ones; 0 is any number. ErrTooManyInvitations.
	CreateInvitation(ctx context.Context, i authcore.Invitation, pending int, fx authcore.Effects) error
	// InvitationByID returns an invitation, whatever has become of it. ErrNotFound.
	InvitationByID(ctx context.Context, id uuid.UUID) (authcore.Invitation, error)
	// InvitationByToken is InvitationByID by the token. ErrNotFound.
	InvitationByToken(ctx context.Context, token secret.Digest) (authcore.Invitation, error)
	// InvitationFor returns the newest open invitation that is bound to an address or number. ErrNotFound.
	InvitationFor(ctx context.Context, by authcore.Channel, address string, now time.Time) (authcore.Invitation, error)
	// Invitations returns a page of a list, newest first. It tests at most Tested rows and then ends early: next is the last of those, and
	// uuid.Nil where there are no more.
	Invitations(ctx context.Context, q Query) (list []authcore.Invitation, next uuid.UUID, err error)
	// RevokeInvitation makes an open invitation useless. ErrNotFound: it is not open.
	RevokeInvitation(ctx context.Context, id uuid.UUID, now time.Time, fx authcore.Effects) error
	// RenewInvitation gives an open invitation another token, which kills the former, and another end. ErrNotFound: it is not open.
	RenewInvitation(ctx context.Context, id uuid.UUID, token secret.Digest, until, now time.Time, fx authcore.Effects) error
}

// Query asks a store for invitations. Zero fields ask for nothing.
type Query struct {
	Inviter uuid.UUID
	Status  authcore.InvitationStatus
	Before  uuid.UUID // those with ids below it
	Limit   int
	Now     time.Time // at which they have the status
}

// Tested is how many rows are looked at for a page.
const Tested = 10_000

// Mailer prepares mails for the outbox.
type Mailer interface {
	Compose(m authcore.Message) (authcore.Mail, error)
}

// Texts counts SMS.
type Texts interface {
	// ReserveText counts an SMS to a number that may be anybody's, and returns when the next may go if this one may not.
	ReserveText(ctx context.Context, number string, c authcore.Client) (wait time.Duration, err error)
}

// Config is what a Flow needs.
type Config struct {
	Store    Store
	Mailer   Mailer
	Limiter  authcore.Limiter
	Cursors  *cursor.Signer
	Admins   authcore.Admins
	Inviters authcore.Inviters
	// Identities are the kinds of identifier that find accounts. Numbers are invited only where they are one of them.
	Identities []authcore.IdentifierKind
	Numbers    identifier.Numbers // how numbers are read, and which are taken
	Texts      Texts
	Blocks     *block.Blocks // whom rules keep from being sent anything; nil: nobody
	Lifetime   time.Duration
	Pending    int // how many open ones an account may have
	Now        authcore.Clock
}

// Flow makes, lists and revokes invitations. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg. Zero numbers mean the defaults: 7 days, 20 open ones.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Mailer == nil || cfg.Limiter == nil || cfg.Cursors == nil || cfg.Texts == nil || cfg.Now == nil {
		return nil, errors.New("invite: store, mailer, limiter, cursors, count of SMS and clock are required")
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	if cfg.Lifetime == 0 {
		cfg.Lifetime = 7 * 24 * time.Hour
	}
	if cfg.Pending == 0 {
		cfg.Pending = 20
	}
	return &Flow{cfg: cfg}, nil
}

// Input is a new invitation, as it was typed.
type Input struct {
	Email  string // "" binds it to no address
	Phone  string // "" binds it to no number
	Roles  []string
	Client authcore.Client
}

// Made is a new invitation. Token is "" where it is bound: then it has gone by mail or SMS alone.
type Made struct {
	authcore.Invitation
	Token, URL string
}

// Create invites somebody. An address or number that has an account gets a mail that says so, and who invites is answered alike. Refusals:
// [authcore.Forbidden] for who may not invite, or may not give roles; [authcore.NotFound] for a number where numbers do not sign in; [authcore.InvalidFields]; [authcore.LimitReached] with too many
// open ones; [authcore.RateLimited]; [authcore.Unavailable].
func (f *Flow) Create(ctx context.Context, inviter uuid.UUID, in Input) (Made, error) {
	i, err := f.read(in)
	if err != nil {
		return Made{}, err
	}
	a, err := f.inviter(ctx, inviter)
	if err != nil {
		return Made{}, err
	}
	if len(in.Roles) > 0 && !f.isAdmin(a) {
		return Made{}, authcore.Refuse(authcore.Forbidden, "Only administrators give roles.")
	}
	i.InviterID = a.ID
	return f.save(ctx, i, f.cfg.Pending, in.Client)
}

// CreateAsOperator is Create for whoever runs the gateway.
func (f *Flow) CreateAsOperator(ctx context.Context, in Input) (Made, error) {
	i, err := f.read(in)
	if err != nil {
		return Made{}, err
	}
	return f.save(ctx, i, 0, in.Client)
}

// MayInvite reports whether the account may invite, and whether it may give roles.
func (f *Flow) MayInvite(a authcore.Account) (invite, roles bool) {
	return f.cfg.Inviters.May(f.cfg.Admins.Roles(a)), f.isAdmin(a)
}

// ByDialect makes and finds invitations for the clients of a dialect. It is safe for concurrent use.
type ByDialect struct{ *Flow }

// Create is [Flow.Create] for a client of a dialect in which everybody who is signed in may invite, to an address or number alone. number is
// reserved for the account. Refusals: [authcore.InvalidFields] without address and number; those of [Flow.Create].
func (f ByDialect) Create(ctx context.Context, inviter uuid.UUID, in Input, number func(context.Context) (int64, error)) (Made, error) {
	in.Roles = nil
	i, err := f.read(in)
	if err != nil {
		return Made{}, err
	}
	if i.Address == "" {
		return Made{}, authcore.RefuseField("email", authcore.EmailRequired)
	}
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, inviter))
	if err != nil {
		return Made{}, err
	}
	if i.Number, err = number(ctx); err != nil {
		return Made{}, fmt.Errorf("reserve number: %w", err)
	}
	i.InviterID = a.ID
	return f.save(ctx, i, f.cfg.Pending, in.Client)
}

// Bound returns the open invitation that is bound to one of these, zero for none: whoever proves the address or number by a code has what
// the invitation's mail would have proven. [authcore.Unavailable].
func (f ByDialect) Bound(ctx context.Context, ids []authcore.Identifier) (authcore.Invitation, error) {
	for _, id := range ids {
		by := authcore.ByEmail
		switch id.Kind {
		case authcore.KindPhone:
			by = authcore.BySMS
		case authcore.KindEmail:
		default:
			continue
		}
		i, err := f.cfg.Store.InvitationFor(ctx, by, id.Value, f.cfg.Now.Now())
		if !errors.Is(err, authcore.ErrNotFound) {
			return i, err
		}
	}
	return authcore.Invitation{}, nil
}

func (f *Flow) isAdmin(a authcore.Account) bool {
	return f.cfg.Admins.Administers(a)
}

// inviter returns the account as it is now: what its access token says may be some minutes old.
func (f *Flow) inviter(ctx context.Context, id uuid.UUID) (authcore.Account, error) {
	a, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, id))
	if err == nil && !f.cfg.Inviters.May(f.cfg.Admins.Roles(a)) {
		err = authcore.Refuse(authcore.Forbidden, "You may not invite anybody.")
	}
	return a, err
}

func (f *Flow) read(in Input) (i authcore.Invitation, err error) {
	var broken authcore.FieldErrors
	switch {
	case in.Email != "" && in.Phone != "":
		return i, authcore.Refuse(authcore.InvalidRequest, "Send an address or a number, not both.")
	case in.Email != "":
		i.Channel = authcore.ByEmail
		i.Address, err = identifier.NewEmail(in.Email)
		broken.AddError("email", err)
	case in.Phone != "":
		i.Channel = authcore.BySMS
		i.Address, err = f.cfg.Numbers.Read(in.Phone)
		if broken.AddError("phone", err); err == nil && !f.Phones() {
			return i, authcore.Refuse(authcore.NotFound, "Nobody is invited by number here: numbers do not sign in.")
		}
	}
	roles, bad := identifier.Roles(in.Roles)
	broken = append(broken, bad...)
	// What administers the gateway goes to an address that whoever gives it has named, and to nobody who finds a link.
	if i.Channel == "" && (slices.Contains(roles, authcore.RoleAdmin) || slices.Contains(roles, authcore.RoleAuditor)) {
		broken.Add("roles", authcore.RoleNeedsAddress)
	}
	now := f.cfg.Now.Now()
	i.ID, i.Roles, i.CreatedAt, i.ExpiresAt = uuid.Must(uuid.NewV7()), roles, now, now.Add(f.cfg.Lifetime)
	return i, broken.Refusal()
}

func (f *Flow) save(ctx context.Context, i authcore.Invitation, pending int, c authcore.Client) (Made, error) {
	token := secret.Token()
	i.TokenDigest = secret.SumString(token)
	e := audit.Event(authcore.EventInvitationCreated, i.InviterID, c, i.CreatedAt)
	fx := authcore.Effects{Events: []authcore.Event{e}}
	made := Made{Invitation: i, Token: token, URL: Link(c, token)}
	if i.Address != "" {
		mail, err := f.mail(ctx, i, made.URL, c)
		if err != nil {
			return Made{}, err
		}
		fx.Mails = append(fx.Mails, mail)
		made.Token, made.URL = "", ""
	}
	err := f.cfg.Store.CreateInvitation(ctx, i, pending, fx)
	if errors.Is(err, authcore.ErrTooManyInvitations) {
		return Made{}, authcore.Refuse(authcore.LimitReached, "You have as many open invitations as you may have. Revoke one, or wait until one is used.")
	}
	if err != nil {
		return Made{}, fmt.Errorf("create invitation: %w", err)
	}
	return made, nil
}

// Phones reports whether numbers can be invited.
func (f *Flow) Phones() bool { return slices.Contains(f.cfg.Identities, authcore.KindPhone) }

// mail says what an administrator of the gateway wrote, and nothing that the inviter did: not even their name, which they choose.
func (f *Flow) mail(ctx context.Context, i authcore.Invitation, url string, c authcore.Client) (authcore.Mail, error) {
	kind := authcore.KindEmail
	if i.Channel == authcore.BySMS {
		kind = authcore.KindPhone
	}
	wait, err := f.reserve(ctx, i, c)
	if err != nil {
		return authcore.Mail{}, err
	}
	if wait > 0 {
		return authcore.Mail{}, authcore.RefuseFor(authcore.RateLimited, "Too many messages were sent. Try again later.", wait)
	}
	m := authcore.Message{Kind: authcore.MailInvitation, Channel: i.Channel, To: i.Address, Link: url, Expiry: f.cfg.Lifetime, At: f.cfg.Now.Now(), Lang: c.Lang}
	if slices.Contains(f.cfg.Identities, kind) {
		owner, err := f.cfg.Store.AccountByIdentifier(ctx, authcore.Identifier{Kind: kind, Value: i.Address})
		switch {
		case err == nil && known(owner, kind):
			m.Kind, m.AccountID, m.Link, m.Expiry = authcore.MailInvitationKnown, owner.ID, strings.TrimSuffix(c.Portal, "/"), 0
		case err != nil && !errors.Is(err, authcore.ErrNotFound):
			return authcore.Mail{}, fmt.Errorf("find owner of address: %w", err)
		}
	}
	about := block.Subject{Email: i.Address, Client: c}
	if i.Channel == authcore.BySMS {
		about.Email, about.Phone = "", i.Address
	}
	dummy := !f.cfg.Blocks.MaySend(about)
	if dummy { // who invites is answered alike
		m.To = challenge.Nobody(i.Channel)
	}
	mail, err := f.cfg.Mailer.Compose(m)
	if err != nil {
		return mail, fmt.Errorf("compose %s mail: %w", m.Kind, err)
	}
	mail.Dummy = dummy
	return mail, nil
}

// reserve counts the mail or SMS among those that its recipient gets: many accounts together must not flood an address. The count is the
// same whether the address has an account.
func (f *Flow) reserve(ctx context.Context, i authcore.Invitation, c authcore.Client) (wait time.Duration, err error) {
	if i.Channel == authcore.BySMS {
		if wait, err = f.cfg.Texts.ReserveText(ctx, i.Address, c); err != nil {
			return 0, fmt.Errorf("count SMS: %w", err)
		}
		return wait, nil
	}
	took, err := f.cfg.Limiter.Take(ctx, authcore.Limit{Name: authcore.LimitMail, Key: i.Address})
	if err != nil {
		return 0, fmt.Errorf("count mail: %w", err)
	}
	return took.Wait, nil
}

// known reports whether an account has its address or number for good.
func known(owner authcore.Account, kind authcore.IdentifierKind) bool {
	if kind == authcore.KindPhone {
		return owner.PhoneVerified()
	}
	return owner.EmailVerified() || owner.MadeByOperator
}

// Link returns the address with which somebody uses an invitation.
func Link(c authcore.Client, token string) string {
	return strings.TrimSuffix(c.Portal, "/") + "/invitation?token=" + token
}

// Find returns the open invitation of a token. What it gives is decided when it is used. Refusals: [authcore.InvalidInvitation];
// [authcore.Unavailable].
func (f *Flow) Find(ctx context.Context, token string) (authcore.Invitation, error) {
	if token == "" || len(token) > secret.MaxToken {
		return authcore.Invitation{}, Refuse()
	}
	i, err := f.cfg.Store.InvitationByToken(ctx, secret.SumString(token))
	if errors.Is(err, authcore.ErrNotFound) || err == nil && i.Status(f.cfg.Now.Now()) != authcore.InvitationPending {
		return i, Refuse()
	}
	if err != nil {
		return i, fmt.Errorf("find invitation: %w", err)
	}
	return i, nil
}

// Refuse returns the refusal of an invitation that is not good, for callers that learn it after Find.
func Refuse() error {
	return authcore.Refuse(authcore.InvalidInvitation, "The invitation is wrong, has expired, was used or revoked, or is for another address. Ask for a new one.")
}

// Interface guard
var _ Mailer = challenge.Mailer(nil)
