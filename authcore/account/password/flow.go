package password

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is what the flows read and write.
type Store interface {
	attempt.Store
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// AccountByIdentifier returns the account that currently uses the identifier. ErrNotFound.
	AccountByIdentifier(ctx context.Context, id authcore.Identifier) (authcore.Account, error)
	// IssueChallenge makes ch the one live challenge of its purpose and subject. Attempts spent earlier stay spent until
	// the earlier AttemptsResetAt has passed.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// ChangePassword sets another password, if the hash is still Old and the account enabled, raises the epoch so that
	// every session ends, and drops every challenge of the account. ErrNotFound otherwise: of several callers that hold
	// one Old exactly one succeeds.
	ChangePassword(ctx context.Context, c authcore.PasswordChange) (authcore.Account, authcore.Revocation, error)
	// ResetPassword consumes the challenge, sets the hash, verifies the address the mail went to if it was not (or gives it to the
	// account of r.Create, and nothing to that of the challenge), raises the epoch so that every session ends, and drops every other challenge of the account. Exactly one of the callers that present one challenge
	// succeeds. It does not ask for attempts: the challenge is verified. ErrNotFound: it is gone, or the account disabled.
	ResetPassword(ctx context.Context, r authcore.Reset) (authcore.Account, authcore.Revocation, error)
	// FactorState and ChangeFactors are those of [factor.Store]: a password goes only while another way in is left.
	FactorState(ctx context.Context, account uuid.UUID, now time.Time) (factor.State, error)
	ChangeFactors(ctx context.Context, c factor.Change) error
}

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Hasher     *passhash.Hasher
	Policy     *passpolicy.Policy
	Challenges *challenge.Issuer
	Notices    *notice.Notices
	Factors    *factor.Factors
	Lockouts   attempt.Lockouts
	// ReadDevice returns the digest of a device token of ours; false for any other text.
	ReadDevice func(token string) (secret.Digest, bool)
	// Identities are the kinds of identifier that recover.
	Identities []authcore.IdentifierKind
	Numbers    identifier.Numbers // how numbers are read that somebody recovers by
	Off        bool               // nobody signs in by a password: every call is [authcore.NotFound]
	Now        authcore.Clock
}

// Flow changes and resets passwords. It is safe for concurrent use.
type Flow struct {
	cfg   Config
	tries attempt.Attempts
}

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Hasher == nil || cfg.Policy == nil || cfg.Challenges == nil || cfg.Notices == nil ||
		cfg.Factors == nil || cfg.Lockouts == nil || cfg.Now == nil {
		return nil, errors.New("password: store, hasher, policy, challenges, notices, factors, lockouts and clock are required")
	}
	if len(cfg.Identities) == 0 {
		return nil, errors.New("password: at least one kind of identifier must recover")
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg, tries: attempt.Attempts{Lockouts: cfg.Lockouts, Store: cfg.Store, Owners: cfg.Notices}}, nil
}

// Off reports whether nobody signs in by a password, so that none can be set, changed or removed.
func (f *Flow) Off() bool { return f.cfg.Off }

// on refuses what only passwords need.
func (f *Flow) on() error {
	if f.cfg.Off {
		return errOff()
	}
	return nil
}

func errOff() error { return authcore.Refuse(authcore.NotFound, "No passwords are used here.") }

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// subject is whom a login means, in the terms of a challenge.
type subject struct {
	name      string            // of the challenge
	by        authcore.Channel  // how the code goes out, by what was asked for: the same for known and unknown
	recipient string            // whose mails are counted
	account   *authcore.Account // nil: there is none that can recover
	to        challenge.Recipient
}

// find returns the subject for any login, also for one that means nobody: that has its own name, which no account has.
func (f *Flow) find(ctx context.Context, login string) (subject, error) {
	who := subject{name: "unknown:none", by: authcore.ByEmail, recipient: "none:"}
	for _, id := range f.cfg.Numbers.Logins(login) {
		var err error
		if who, err = f.findBy(ctx, id); err != nil || who.account != nil {
			return who, err
		}
	}
	return who, nil
}

func (f *Flow) findBy(ctx context.Context, id authcore.Identifier) (subject, error) {
	none := subject{name: "unknown:" + identifier.Key(id), by: authcore.ByEmail, recipient: identifier.Key(id)}
	if id.Kind == authcore.KindEmail {
		none.recipient = id.Value
	}
	if !slices.Contains(f.cfg.Identities, id.Kind) {
		return none, nil
	}
	if id.Kind == authcore.KindPhone {
		none.by, none.recipient = authcore.BySMS, id.Value
	}
	a, err := f.cfg.Store.AccountByIdentifier(ctx, id)
	if errors.Is(err, authcore.ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return subject{}, fmt.Errorf("find account: %w", err)
	}
	to, ok := recovers(id.Kind, a)
	if !ok {
		return none, nil
	}
	known := subject{name: identifier.AccountKey(a.ID), by: none.by, recipient: to.Address, account: &a, to: to}
	if to.Channel == authcore.BySMS {
		known.name += byNumber
	}
	return known, nil
}

// byNumber ends the subject of a code that goes by SMS: that it was given says nothing of the account's address.
const byNumber = " phone"

// recovers returns where the code for an account goes that somebody names by an identifier of a kind: to the address or number named, or
// for a username to the address, else the number, that is verified. Any address gets it that nobody has verified, since it proves
// the address, but one that whoever runs the gateway has typed for a new account: that may be a stranger's (L22).
func recovers(kind authcore.IdentifierKind, a authcore.Account) (to challenge.Recipient, ok bool) {
	switch {
	case a.Disabled():
		return to, false
	case a.TakesCodes(authcore.BySMS) && (kind == authcore.KindPhone || kind == authcore.KindUsername && !a.EmailVerified()):
		return challenge.Recipient{Channel: authcore.BySMS, Address: a.Phone, Lang: a.Locale}, true
	case kind == authcore.KindPhone || a.Email == "" || a.MadeByOperator && !a.TakesCodes(authcore.ByEmail):
		return to, false
	}
	return recipient(a), true
}
