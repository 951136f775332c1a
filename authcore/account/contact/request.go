package contact

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// RequestEmail sends a code and link to an address that the account wants to be known by, and returns how long the code is good.
// Nothing of the account changes before it is confirmed; whatever it wanted to be known by before is forgotten, and its code with it.
// Asked again for the same address too soon it does nothing. An address of another account gets no code: its owner is told, and
// who asks is answered alike. Refusals: [authcore.InvalidFields]; [authcore.RateLimited] when the address has had its share of mails;
// [authcore.InvalidToken] when the account is gone.
func (f *Flow) RequestEmail(ctx context.Context, account uuid.UUID, email string, c authcore.Client) (time.Duration, error) {
	address, err := f.newEmail(email)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("email", err)
		return 0, broken.Refusal()
	}
	return f.request(ctx, byEmail, account, address, c)
}

// RequestPhone is [Flow.RequestEmail] for a number, by SMS. A number of another account gets its code: who can read it may move the
// number. Refusals besides: [authcore.NotFound] where there are no SMS; [authcore.Unavailable] when the limits cannot be counted.
func (f *Flow) RequestPhone(ctx context.Context, account uuid.UUID, phone string, c authcore.Client) (time.Duration, error) {
	if !f.SMS() {
		return 0, authcore.Refuse(authcore.NotFound, "Numbers cannot be verified here: no SMS are sent.")
	}
	number, err := f.cfg.Numbers.Read(phone)
	if err != nil {
		var broken authcore.FieldErrors
		broken.AddError("phone", err)
		return 0, broken.Refusal()
	}
	return f.request(ctx, byPhone, account, number, c)
}

// SMS reports whether numbers can be verified.
func (f *Flow) SMS() bool { return f.cfg.Challenges.SMS() }

// newEmail is [identifier.NewEmail] for an address that a mail has to reach now.
func (f *Flow) newEmail(s string) (string, error) {
	address, err := identifier.NewEmail(s)
	if err == nil && f.cfg.CanReach != nil && !f.cfg.CanReach(address) {
		return "", authcore.FieldError{Rule: authcore.EmailNotPortable}
	}
	return address, err
}

// request makes the same look-ups and writes for every address: who is told must not show in the answer or its time (L04).
func (f *Flow) request(ctx context.Context, ch channel, account uuid.UUID, address string, c authcore.Client) (time.Duration, error) {
	a, err := f.account(ctx, account)
	if err != nil {
		return 0, err
	}
	known, err := f.reader(ctx, ch, a, address)
	if err != nil {
		return 0, err
	}
	now := f.now()
	save := func(ctx context.Context, live authcore.Challenge, fx authcore.Effects) error {
		return f.cfg.Store.ClaimContact(ctx, Claim{
			AccountID: account, Channel: ch.by, Address: address, Until: now.Add(ClaimLifetime), Challenge: live, Now: now,
		}, fx)
	}
	wait, spent, err := f.cfg.Challenges.Request(ctx, challenge.Request{
		Purpose: ch.purpose, Subject: subject(account), Counted: address, Channel: ch.by, Known: known, Client: c, Save: save,
	})
	if err == nil && wait > 0 && !spent && f.claimed(ch, a) != address {
		// It was asked for a moment ago, and another one since: that one's code must not prove this one.
		err = save(ctx, f.cfg.Challenges.Unredeemable(ch.purpose, subject(account)), authcore.Effects{})
	}
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return 0, authcore.OwnerGone("claim", authcore.ErrNotFound)
	case err != nil:
		return 0, fmt.Errorf("claim %s: %w", ch.field, err)
	case spent:
		return 0, challenge.Spent(wait)
	}
	return f.cfg.Challenges.LifetimeBy(ch.by), nil
}

// reader returns who gets the message, and which: the account its code, or else whoever has the address word of it.
func (f *Flow) reader(ctx context.Context, ch channel, a authcore.Account, address string) (*challenge.Known, error) {
	known := &challenge.Known{Account: a.ID, Username: a.Username, To: challenge.Recipient{Channel: ch.by, Address: address, Account: a.ID, Lang: a.Locale}}
	if !f.unique(ch.kind) || ch.inUse == "" {
		return known, nil
	}
	owner, err := f.owner(ctx, authcore.Identifier{Kind: ch.kind, Value: address})
	if err != nil {
		return nil, err
	}
	taken, err := f.cfg.Store.IdentifierTaken(ctx, authcore.Identifier{Kind: ch.kind, Value: address}, a.ID)
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", ch.field, err)
	}
	if taken && (owner == nil || settled(ch, *owner)) {
		known.Instead = ch.inUse
		known.To.Account, known.To.Lang = uuid.Nil, ""
		if owner != nil {
			known.To.Account, known.To.Name, known.To.Lang = owner.ID, owner.Name(), owner.Locale
		}
	}
	return known, nil
}

// owner returns the account that is found by the identifier; nil for none.
func (f *Flow) owner(ctx context.Context, id authcore.Identifier) (*authcore.Account, error) {
	a, err := f.cfg.Store.AccountByIdentifier(ctx, id)
	if errors.Is(err, authcore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find owner: %w", err)
	}
	return &a, nil
}

// settled reports whether an address or number is the account's for good: one that was never verified is whoever's verifies it.
func settled(ch channel, a authcore.Account) bool {
	_, verified := ch.of(a)
	return verified || a.MadeByOperator
}

// Normal returns an address or number in its normal form, as accounts have it. The error says what is wrong with it.
func (f *Flow) Normal(by authcore.Channel, typed string) (string, error) {
	if by == authcore.BySMS {
		return identifier.Numbers{Region: f.cfg.Numbers.Region}.Read(typed)
	}
	return identifier.Email(typed)
}

// Forget drops what the account wants to be known by, and its code with it; what the account is known by stays. Where there is nothing, nothing
// changes. [authcore.InvalidToken] when the account is gone.
func (f *Flow) Forget(ctx context.Context, account uuid.UUID, by authcore.Channel) error {
	ch := byEmail
	if by == authcore.BySMS {
		ch = byPhone
	}
	now := f.now()
	err := f.cfg.Store.ClaimContact(ctx, Claim{AccountID: account, Channel: ch.by, Until: now, Now: now,
		Challenge: f.cfg.Challenges.Unredeemable(ch.purpose, subject(account))}, authcore.Effects{})
	return authcore.OwnerGone("forget claim", err)
}
