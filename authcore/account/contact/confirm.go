package contact

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ConfirmInput is the proof of a claim, as it came: the code, or the token of the link.
type ConfirmInput struct {
	AccountID uuid.UUID // of who is signed in
	Token     string
	OTP       string
	Client    authcore.Client
}

// ConfirmEmail makes the claimed address the account's, and returns the account as it is then. The former address is told, with a link
// that takes it back. No session ends. Of several callers with one code exactly one succeeds. Refusals: [authcore.InvalidRequest];
// [authcore.InvalidCode], also for the code of another account, or where another account was faster with the address;
// [authcore.TooManyAttempts]; [authcore.InvalidToken] when the account is gone.
func (f *Flow) ConfirmEmail(ctx context.Context, in ConfirmInput) (authcore.Account, error) {
	return f.confirm(ctx, byEmail, in)
}

// ConfirmPhone is [Flow.ConfirmEmail] for a number. One that another account has moves, if that account has another way in, and is told:
// numbers are handed out again. Refusal besides: [authcore.Conflict] where it has none, or where the number is a second factor of it.
func (f *Flow) ConfirmPhone(ctx context.Context, in ConfirmInput) (authcore.Account, error) {
	return f.confirm(ctx, byPhone, in)
}

// PeekEmail returns the address that a link would confirm; "" unless it is a live link of this account. It changes nothing.
func (f *Flow) PeekEmail(ctx context.Context, account uuid.UUID, token string) (string, error) {
	_, a, err := f.proven(ctx, byEmail, ConfirmInput{AccountID: account, Token: token})
	if authcore.CodeOf(err) == authcore.InvalidCode {
		return "", nil
	}
	return f.claimed(byEmail, a), err
}

func (f *Flow) confirm(ctx context.Context, ch channel, in ConfirmInput) (authcore.Account, error) {
	switch {
	case in.Token != "" && in.OTP != "":
		return authcore.Account{}, authcore.Refuse(authcore.InvalidRequest, "Send either the token of the link, or otp.")
	case in.Token == "" && in.OTP == "":
		return authcore.Account{}, authcore.RefuseField("otp", authcore.CodeRequired)
	}
	proof, before, err := f.proven(ctx, ch, in)
	if err != nil {
		return authcore.Account{}, err
	}
	fx, err := f.effects(ctx, ch, before, in.Client)
	if err != nil {
		return authcore.Account{}, err
	}
	from, left, err := f.movesFrom(ctx, ch, before, &fx, in.Client)
	if err != nil {
		return authcore.Account{}, err
	}
	after, err := f.cfg.Store.ConfirmContact(ctx, Confirmation{
		ChallengeID: proof.ID, Purpose: ch.purpose, Channel: ch.by, Address: f.claimed(ch, before), Before: before, From: from, Left: left.LastWay, Unique: f.cfg.Identities,
		Closed: audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, f.now()), Now: f.now(), Effects: fx,
	})
	var taken *authcore.TakenError
	switch {
	case errors.Is(err, authcore.ErrNotFound), errors.As(err, &taken): // another request was faster, of this account or another
		return authcore.Account{}, challenge.Refuse()
	case err != nil:
		return authcore.Account{}, fmt.Errorf("confirm %s: %w", ch.field, err)
	}
	return after, nil
}

// proven returns the challenge that is proven and the account that claims something by it. A link is good for the account that asked
// for it alone: whoever is signed in elsewhere and opens it must not get the address of another (O13).
func (f *Flow) proven(ctx context.Context, ch channel, in ConfirmInput) (proof authcore.Challenge, a authcore.Account, err error) {
	shown := challenge.Credentials{Token: in.Token}
	if in.Token == "" {
		shown = challenge.Credentials{Subject: subject(in.AccountID), Code: in.OTP}
	}
	if proof, err = f.cfg.Challenges.Prove(ctx, ch.purpose, shown); err != nil {
		return proof, a, err
	}
	if proof.AccountID != in.AccountID {
		return proof, a, challenge.Refuse()
	}
	if a, err = f.account(ctx, in.AccountID); err != nil {
		return proof, a, err
	}
	if f.claimed(ch, a) == "" {
		return proof, a, challenge.Refuse()
	}
	return proof, a, nil
}

// movesFrom returns the account that a number moves away from, nil for none, and what it is left with, and tells its owner.
func (f *Flow) movesFrom(ctx context.Context, ch channel, to authcore.Account, fx *authcore.Effects,
	c authcore.Client) (from *authcore.Account, left factor.WayLeft, err error) {
	if ch.by != authcore.BySMS || !f.unique(ch.kind) {
		return nil, left, nil
	}
	owner, err := f.owner(ctx, authcore.Identifier{Kind: ch.kind, Value: f.claimed(ch, to)})
	if err != nil || owner == nil || owner.ID == to.ID {
		return nil, left, err
	}
	factors, err := f.cfg.Factors.List(ctx, owner.ID)
	if err != nil {
		return nil, left, err
	}
	if left, err = (factor.WaysIn{Factors: f.cfg.Factors}).LeftBy(ctx, ch.without(*owner), factors); err != nil {
		return nil, left, err
	}
	isFactor := slices.ContainsFunc(factors, func(x authcore.Factor) bool { return x.Type == authcore.FactorSMS && x.Address == owner.Phone })
	if isFactor || left.None {
		e := authcore.Refuse(authcore.Conflict, "Another account needs this number to sign in.")
		e.Fields.Add(ch.field, authcore.PhoneTaken)
		return nil, left, e
	}
	event := audit.Event(ch.changed, owner.ID, c, f.now())
	fx.Events = append(fx.Events, event)
	return owner, left, f.cfg.Notices.Security(ctx, fx, notice.Notice{Kind: ch.tells, Event: event, Account: *owner, Undo: ch.undo(*owner), Client: c})
}

// effects tells of the claim of an account that is proven. An address that the account had already and has verified now has not changed.
func (f *Flow) effects(ctx context.Context, ch channel, before authcore.Account, c authcore.Client) (fx authcore.Effects, err error) {
	address, now := f.claimed(ch, before), f.now()
	former, verified := ch.of(before)
	switch {
	case former != address:
	case verified:
		return fx, nil
	case ch.by == authcore.BySMS: // a contact number can be set without a word to anybody, so its owner hears of it now
	default:
		fx.Events = []authcore.Event{audit.Event(authcore.EventVerified, before.ID, c, now)}
		return fx, nil
	}
	event := audit.Event(ch.changed, before.ID, c, now)
	fx.Events = []authcore.Event{event}
	n := notice.Notice{Kind: ch.tells, Event: event, Account: before, Undo: ch.undo(before), Client: c}
	if err := f.cfg.Notices.Security(ctx, &fx, n); err != nil {
		return fx, err
	}
	if ch.by == authcore.ByEmail {
		err = f.cfg.Notices.Tell(&fx, n, challenge.Recipient{Address: address, Name: before.Name()})
	}
	return fx, err
}
