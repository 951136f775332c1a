package admin

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

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
	if in.Send && c.Account.Email != "" {
		if err := u.invite(&c, in.Client); err != nil {
			return authcore.ManagedAccount{}, err
		}
	}
	return u.save(ctx, c)
}

// save stores a new account, which events tell of.
func (u *Users) save(ctx context.Context, c authcore.ManagedCreation) (authcore.ManagedAccount, error) {
	c.Effects.Events = append(c.Effects.Events, u.told(ctx, authcore.EventCreatedByAdmin, authcore.ManagedAccount{Account: c.Account}, c.Account.CreatedAt).Events...)
	call := authcore.AdminCallOf(ctx)
	call.About(c.Account.ID)
	noteCreation(call, c.Account, c.Kind)
	a, err := u.cfg.Store.CreateManaged(ctx, c)
	if err = conflict(err); err != nil {
		call.About(uuid.Nil)
		return a, refusal("create account", err)
	}
	return a, nil
}

// noteCreation has the event of a call say what is made.
func noteCreation(call *authcore.AdminCall, a authcore.Account, kind authcore.AccountKind) {
	for name, value := range map[string]string{"email": cmp.Or(a.Email, a.PendingEmail), "username": a.Username, "phone": a.Phone, "kind": string(kind)} {
		if value != "" {
			call.Changed(name, nil, value)
		}
	}
	if len(a.Roles) > 0 {
		call.Changed("roles", nil, a.Roles)
	}
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
	a.Phone = optional("phone", u.cfg.Numbers.Read, in.Phone)
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
		if in.Phone != "" {
			broken.Add("phone", authcore.NotForServices)
		}
	default:
		broken.Add("kind", authcore.KindUnknown)
	}
	if u.cfg.NoPassword { // no link sets a password, so a code to the address has to let its owner in
		a.EmailSetAt = now
	}
	if in.Disabled {
		a.DisabledAt = now
	}
	for _, id := range []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}, {Kind: authcore.KindUsername, Value: a.Username}, {Kind: authcore.KindPhone, Value: a.Phone}} {
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
