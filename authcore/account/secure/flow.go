package secure

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is what the flow writes.
type Store interface {
	// UseSecurityLink uses the link of the token, if it is open: as one change it raises the epoch so that every session ends, ends the
	// trust in every device, drops every challenge, pending claim and open invitation of the account, cancels its deletion, closes its password, kills the
	// link and all that rank after it, and sets the account to what Recall returns. Factors that were confirmed at the link's event or after
	// it are removed, and those that Recall returns and that were confirmed before it are there again. An identifier that is another account's by now is
	// left out. Exactly one of the callers that present one token succeeds. ErrNotFound: no such link is open, or its account is gone.
	UseSecurityLink(ctx context.Context, u Use) error
}

// Use is how a link is used. Its functions are called within the change, perhaps again after a conflict; they must not wait.
type Use struct {
	Token secret.Digest
	Now   time.Time
	// Recall returns what the account was, from the link that is used and all that do not rank before it, used ones and the link itself
	// among them, in their order.
	Recall func(used authcore.SecurityLink, links []authcore.SecurityLink) (notice.Undo, error)
	// Identities are the kinds of identifier that the account is found by.
	Identities []authcore.IdentifierKind
	// Prepare returns what belongs to the change, from the account as it was and as it is then; the challenge is nil for none.
	Prepare func(before, after authcore.Account) (*authcore.Challenge, authcore.Effects, error)
}

// Config is what a Flow needs; all of it but NoPassword is required.
type Config struct {
	Store      Store
	Notices    *notice.Notices
	Challenges *challenge.Issuer
	Factors    *factor.Factors
	// NoPassword: nobody signs in by a password, so a used link hands out no way to set one.
	NoPassword bool
	// Identities are the kinds of identifier that accounts are found by.
	Identities []authcore.IdentifierKind
	Now        authcore.Clock
}

// Flow uses links. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Notices == nil || cfg.Challenges == nil || cfg.Factors == nil || len(cfg.Identities) == 0 || cfg.Now == nil {
		return nil, errors.New("secure: store, notices, challenges, factors, identities and clock are required")
	}
	cfg.Identities = slices.Clone(cfg.Identities)
	return &Flow{cfg: cfg}, nil
}

// Secured is what the use of a link has done.
type Secured struct {
	Undone []Kind // what was taken back, in the order of [Kinds]
	// ResetToken sets a new password, as the token of the link that "forgot password" sends; "" where that would not send one to the
	// address that the link went to.
	ResetToken string
	ExpiresIn  time.Duration // of the ResetToken
}

// Secure uses the link of a security mail. It signs nobody in. Refusals: [authcore.InvalidCode], also for a link that has expired or
// was used or killed; [authcore.Unavailable].
func (f *Flow) Secure(ctx context.Context, token string, c authcore.Client) (Secured, error) {
	if token == "" || len(token) > secret.MaxToken {
		return Secured{}, errInvalid()
	}
	u := &use{Flow: f, now: f.cfg.Now.Now(), client: c}
	err := f.cfg.Store.UseSecurityLink(ctx, Use{
		Token: secret.SumString(token), Now: u.now, Recall: u.recall, Identities: f.cfg.Identities, Prepare: u.prepare,
	})
	if errors.Is(err, authcore.ErrNotFound) {
		return Secured{}, errInvalid()
	}
	if err != nil {
		return Secured{}, fmt.Errorf("use security link: %w", err)
	}
	return u.done, nil
}

func errInvalid() error {
	return authcore.Refuse(authcore.InvalidCode, "The link is wrong, has expired, or has been used already. If you have older mails like this one, use the link of the oldest.")
}

// use is one use of a link, of the last try to commit it.
type use struct {
	*Flow
	now    time.Time
	client authcore.Client
	to     string // where the link was sent
	undo   notice.Undo
	done   Secured
}

func (u *use) recall(used authcore.SecurityLink, links []authcore.SecurityLink) (notice.Undo, error) {
	u.undo = notice.Undo{}
	for _, l := range links {
		event, to, err := u.cfg.Notices.Open(l)
		if err != nil {
			return notice.Undo{}, err
		}
		if l.ID == used.ID {
			u.to = to
		}
		u.undo = u.undo.Before(event)
	}
	return u.undo, u.sealFactors()
}

// sealFactors makes of the factors that were removed what is stored again. One that was added after the event is not given back.
func (u *use) sealFactors() (err error) {
	if u.undo.Factors == nil {
		return nil
	}
	for i := range u.undo.Factors.Removed {
		was := &u.undo.Factors.Removed[i]
		if was.Factor, err = u.cfg.Factors.Restored(*was); err != nil {
			return err
		}
	}
	return nil
}

func (u *use) prepare(before, after authcore.Account) (*authcore.Challenge, authcore.Effects, error) {
	event := audit.Event(authcore.EventAccountSecured, after.ID, u.client, u.now)
	fx := authcore.Effects{Events: []authcore.Event{event}}
	to := challenge.Recipient{Address: u.to}
	if own := after.VerifiedEmail(); own != "" {
		to = challenge.Recipient{Address: own, Name: after.Name()}
	}
	err := u.cfg.Notices.Tell(&fx, notice.Notice{Kind: authcore.MailAccountSecured, Event: event, Account: after, Client: u.client}, to)
	if err != nil {
		return nil, fx, err
	}
	u.done = Secured{Undone: undone(before, after, u.undo)}
	if !u.recovers(after) {
		return nil, fx, nil
	}
	// A subject of its own: else whoever asks for a reset of this account would kill the token, for there is one challenge a subject.
	ch, err := u.cfg.Challenges.New(authcore.PurposeResetPassword, "secured:"+identifier.AccountKey(after.ID), after.ID)
	if err != nil {
		return nil, fx, err
	}
	u.done.ResetToken, u.done.ExpiresIn = secret.Token(), ch.ExpiresAt.Sub(ch.CreatedAt)
	ch.TokenDigest, ch.CodeDigest = secret.SumString(u.done.ResetToken), secret.Digest(secret.Random(32))
	return &ch, fx, nil
}

// recovers reports whether "forgot password" would send a link to the address that this link went to. Whoever can read mail there can
// get a new password in any case, and nobody else can: after an older change of address that the owner made, the former
// address gets no way in.
func (u *use) recovers(a authcore.Account) bool {
	if u.cfg.NoPassword || a.VerifiedEmail() != u.to || a.Disabled() {
		return false
	}
	return slices.ContainsFunc(u.cfg.Identities, func(kind authcore.IdentifierKind) bool {
		return kind == authcore.KindEmail || kind == authcore.KindUsername && a.Username != ""
	})
}
