package admin

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// NewcomersConfig is what Newcomers need. All of it is required.
type NewcomersConfig struct {
	Users   *Users
	Hasher  *passhash.Hasher
	Policy  *passpolicy.Policy
	Confirm Confirm
	Pending time.Duration // how long an address waits for its proof
}

// Newcomers are people whose accounts an administrator makes with a password. Only clients of another system do that: everywhere else the
// owner chooses it. It is safe for concurrent use.
type Newcomers struct{ cfg NewcomersConfig }

// NewNewcomers checks cfg.
func NewNewcomers(cfg NewcomersConfig) (*Newcomers, error) {
	if cfg.Users == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Confirm == nil || cfg.Pending <= 0 {
		return nil, errors.New("admin: users, hasher, policy, who confirms and a lifetime are required")
	}
	return &Newcomers{cfg}, nil
}

// Create makes an account with a password, whose owner may sign in at once, by the username. The address is not theirs before they have
// proven it: until then it is pending, and any number of accounts may claim it (whoever makes an account for a stranger's address gets
// nothing of it). Refusals are those of [Users.Create].
func (n *Newcomers) Create(ctx context.Context, in NewUser, typed string) (authcore.ManagedAccount, error) {
	u := n.cfg.Users
	in.Send = false
	c, err := u.creation(in)
	var refusal *authcore.Error
	var broken authcore.FieldErrors
	if errors.As(err, &refusal) {
		broken = refusal.Fields
	} else if err != nil {
		return authcore.ManagedAccount{}, err
	}
	if len(broken.At("username")) == 0 && (in.Username == "" || !slices.Contains(u.cfg.Identities, authcore.KindUsername)) {
		broken = append(slices.DeleteFunc(broken, func(e authcore.FieldError) bool { return e.Rule == authcore.Required }), authcore.FieldError{Field: "username", Rule: authcore.Required})
	}
	normal, rules := password.Check(n.cfg.Policy, typed, append(password.Words(c.Account), in.Email, in.Username)...)
	if u.cfg.NoPassword {
		rules = []authcore.FieldError{{Rule: authcore.PasswordsOff}}
	}
	broken.AddErrors("password", rules...)
	if err := broken.Refusal(); err != nil {
		return authcore.ManagedAccount{}, err
	}
	a := &c.Account
	if a.PasswordHash, err = password.Hash(ctx, n.cfg.Hasher, normal, "", nil); err != nil {
		return authcore.ManagedAccount{}, err
	}
	if a.Email != "" {
		a.PendingEmail, a.PendingEmailUntil, a.Email = a.Email, a.CreatedAt.Add(n.cfg.Pending), ""
		c.Identifiers = slices.DeleteFunc(c.Identifiers, func(id authcore.Identifier) bool { return id.Kind == authcore.KindEmail })
	}
	made, err := u.save(ctx, c)
	if err != nil {
		return made, err
	}
	for _, p := range made.Pending(made.CreatedAt) {
		_ = n.cfg.Confirm(ctx, made.ID, p, in.Client) // the account stands: what fails is only the message, which its owner can ask for again
	}
	return made, nil
}
