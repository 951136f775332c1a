package password

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passpolicy"
)

// ResetInput is a new password with the proof that allows it: the token of the link, or login and code.
type ResetInput struct {
	Token       string
	Login, OTP  string
	NewPassword string
	Client      authcore.Client
}

// Reset sets a new password. A password that breaks a rule spends neither link nor code. It ends every session and every other code
// of the account, lifts its lock, and tells its owner. It signs nobody in. Refusals: [authcore.InvalidRequest],
// [authcore.InvalidFields], [authcore.InvalidCode], [authcore.TooManyAttempts], [authcore.NotFound] where passwords are off,
// [authcore.Unavailable].
func (f *Flow) Reset(ctx context.Context, in ResetInput) error {
	if err := f.on(); err != nil {
		return err
	}
	if err := f.readReset(in); err != nil {
		return f.withEveryRule(ctx, in, err)
	}
	ch, account, err := f.verified(ctx, in)
	if err != nil {
		return err
	}
	normal, rules := Check(f.policyOfReset(account), in.NewPassword, Words(account)...)
	if len(rules) > 0 {
		return authcore.RefuseValue("new_password", rules...)
	}
	hash, err := Hash(ctx, f.cfg.Hasher, normal, account.PasswordHash, nil)
	if err != nil {
		return fmt.Errorf("set new password: %w", err)
	}
	return f.replace(ctx, ch, account, hash, f.cfg.Policy.Short(normal), in.Client)
}

// policyOfReset is the policy for a password that a reset sets, of another account where this one only claims the address.
func (f *Flow) policyOfReset(a authcore.Account) *passpolicy.Policy {
	if f.onlyClaims(a) {
		return f.cfg.Policy
	}
	return f.policyOf(a)
}

// readReset checks everything that needs no look-up. Whether the account has second factors on needs one: the length is that beside them.
func (f *Flow) readReset(in ResetInput) error {
	var broken authcore.FieldErrors
	switch {
	case in.Token != "" && in.OTP != "":
		return authcore.Refuse(authcore.InvalidRequest, "Send either the token of the link, or login and otp.")
	case in.Token == "" && in.OTP == "" && in.Login == "":
		return authcore.Refuse(authcore.InvalidRequest, "Send the token of the link, or login and otp.")
	case in.Token == "":
		if strings.TrimSpace(in.Login) == "" {
			return errNoLogin()
		}
		if in.OTP == "" {
			broken.Add("otp", authcore.CodeRequired)
		}
	}
	_, rules := Check(f.cfg.Policy.Beside(), in.NewPassword, in.Login)
	broken.AddErrors("new_password", rules...)
	return broken.Refusal()
}

// withEveryRule returns the refusal of a password with the rules that only the account's data show, as signing up names them. Whose
// account it is says the proof, and looking at a good one costs nothing. A wrong code costs an attempt as ever: else the rules
// of a bad password would tell good codes from wrong ones without end (L08).
func (f *Flow) withEveryRule(ctx context.Context, in ResetInput, refused error) error {
	var e *authcore.Error
	if !errors.As(refused, &e) || len(e.Fields) == 0 || len(e.Fields.At("new_password")) != len(e.Fields) {
		return refused
	}
	_, account, err := f.verified(ctx, in)
	if err != nil {
		return refused
	}
	_, rules := Check(f.policyOfReset(account), in.NewPassword, Words(account)...)
	if len(rules) == 0 { // it breaks one by the login that was sent alone
		return refused
	}
	return authcore.RefuseValue("new_password", rules...)
}

// verified returns whose password the proof replaces.
func (f *Flow) verified(ctx context.Context, in ResetInput) (ch authcore.Challenge, account authcore.Account, err error) {
	shown, err := f.credentials(ctx, in)
	if err != nil {
		return ch, account, err
	}
	if ch, err = f.cfg.Challenges.Prove(ctx, authcore.PurposeResetPassword, shown); err != nil {
		return ch, account, err
	}
	account, err = f.cfg.Store.AccountByID(ctx, ch.AccountID)
	if errors.Is(err, authcore.ErrNotFound) || err == nil && account.Disabled() {
		return ch, account, challenge.Refuse()
	}
	if err != nil {
		return ch, account, fmt.Errorf("find account: %w", err)
	}
	return ch, account, nil
}

func (f *Flow) credentials(ctx context.Context, in ResetInput) (challenge.Credentials, error) {
	if in.Token != "" {
		return challenge.Credentials{Token: in.Token}, nil
	}
	who, err := f.find(ctx, in.Login)
	return challenge.Credentials{Subject: who.name, Code: in.OTP}, err
}

func (f *Flow) replace(ctx context.Context, ch authcore.Challenge, account authcore.Account, hash string, short bool, c authcore.Client) error {
	r := authcore.Reset{ChallengeID: ch.ID, AccountID: account.ID, PasswordHash: hash, Short: short, Unique: f.cfg.Identities, Now: f.now()}
	r.Channel = authcore.ByEmail
	if strings.HasSuffix(ch.Subject, byNumber) {
		r.Channel = authcore.BySMS
	}
	if r.Channel == authcore.ByEmail && f.onlyClaims(account) {
		account = f.instead(&r, account, hash)
	}
	event := audit.Event(authcore.EventPasswordReset, account.ID, c, f.now())
	r.Effects.Events = []authcore.Event{event}
	if err := f.tellOfReset(ctx, &r.Effects, passwordChanged(event, account, c)); err != nil {
		return err
	}
	_, _, err := f.cfg.Store.ResetPassword(ctx, r)
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster
		return challenge.Refuse()
	}
	if err != nil {
		return fmt.Errorf("reset password: %w", err)
	}
	// The change is committed: the answer is success, whatever becomes of the lock, which ends by itself.
	_ = f.cfg.Lockouts.Reset(context.WithoutCancel(ctx), identifier.AccountKey(account.ID))
	return nil
}

// onlyClaims reports whether an account has an address that nobody has verified, and that signs in: it may be a stranger's account,
// and whoever the mail has reached gets one of their own instead (contract §7).
func (f *Flow) onlyClaims(a authcore.Account) bool {
	return a.Email != "" && !a.EmailVerified() && !a.MadeByOperator && slices.Contains(f.cfg.Identities, authcore.KindEmail)
}

// instead makes the reset create an account for the address, which it returns as it is before its address is verified.
func (f *Flow) instead(r *authcore.Reset, claimer authcore.Account, hash string) authcore.Account {
	now := f.now()
	a := authcore.Account{ID: uuid.New(), Email: claimer.Email, PasswordHash: hash, CreatedAt: now, UpdatedAt: now}
	verified := a
	verified.EmailVerifiedAt, verified.PasswordBy = now, authcore.ByEmail
	r.Create, r.Identifiers = &verified, []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}}
	r.Closed = audit.Event(authcore.EventDisabled, uuid.Nil, authcore.Client{}, now)
	return a
}

// tellOfReset: an address that the reset itself verifies was not the owner's before, as far as anybody knows. It is told without a link.
func (f *Flow) tellOfReset(ctx context.Context, fx *authcore.Effects, n notice.Notice) error {
	if n.Account.Email != "" && !n.Account.EmailVerified() {
		return f.cfg.Notices.Tell(fx, n, recipient(n.Account))
	}
	return f.cfg.Notices.Security(ctx, fx, n)
}
