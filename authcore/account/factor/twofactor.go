package factor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ByAccount is why a sign-in asks for a second factor where its owner wants it so.
const ByAccount = "account"

// Status is the state of two-factor authentication of an account.
type Status struct {
	Enabled    bool
	RequiredBy string            // "" where a sign-in asks for no second factor; ByAccount, ByAdministrator, "all" or "role:<role>"
	Factors    []authcore.Factor // that count
	Preferred  authcore.FactorType
	CodesLeft  int
	Trusted    int      // devices that are asked for none
	Ready      bool     // there is something to ask for beside what signs in: it can be switched on
	Codes      []string // recovery codes that were made just now
}

// Status returns the state of an account. [authcore.InvalidToken] when it is gone.
func (f *Factors) Status(ctx context.Context, account uuid.UUID) (Status, error) {
	s, err := f.state(ctx, account)
	if err != nil {
		return Status{}, err
	}
	now := Status{
		Enabled: s.Account.MFAEnabled(), RequiredBy: f.required(s.Account), Factors: f.counting(s.Factors), Preferred: s.Account.MFAPreferred,
		CodesLeft: len(s.Codes),
	}
	would := now.Factors
	if x := f.mailbox(s, would); x != nil {
		would = append(slices.Clone(would), *x)
	}
	now.Ready = f.cfg.Ways.TwoKinds(s.Account, would)
	if now.RequiredBy == "" && now.Enabled {
		now.RequiredBy = ByAccount
	}
	if !f.offers(authcore.FactorRecovery) {
		now.CodesLeft = 0
	}
	if now.Trusted, err = f.cfg.Store.TrustedDevices(ctx, account, f.now()); err != nil {
		return Status{}, fmt.Errorf("count trusted devices: %w", err)
	}
	return now, nil
}

// required returns by what the operator demands a second factor of the account; "" where they do not.
func (f *Factors) required(a authcore.Account) string {
	if f.cfg.Required == nil {
		return ""
	}
	return f.cfg.Required(a)
}

// mailbox is the factor that the account's verified address becomes where it has none that counts; nil for none.
func (f *Factors) mailbox(s State, counting []authcore.Factor) *authcore.Factor {
	if HasSecond(counting) || !s.Account.EmailVerified() || !f.offers(authcore.FactorEmail) {
		return nil
	}
	return &authcore.Factor{AccountID: s.Account.ID, Type: authcore.FactorEmail, Address: s.Account.Email}
}

// Enable has sign-ins of the account ask for a second factor, or changes which type is preferred; "" leaves that. Where the account has no
// factor its verified address becomes one. It makes recovery codes where there are none. Refusals: [authcore.NoFactor] where there would
// be nothing to ask for beside what signs in; [authcore.InvalidFields] for a preferred type that the account has no factor of;
// [authcore.ReauthenticationRequired] where the sign-in may not add a factor; [authcore.InvalidToken] when the account is gone.
func (f *Factors) Enable(ctx context.Context, account uuid.UUID, preferred authcore.FactorType, by SignIn, c authcore.Client) (Status, error) {
	return switchOn(ctx, f, account, preferred, by, true, c)
}

// WithoutCodes switches two-factor authentication on for clients that cannot show recovery codes, which would else be made and seen by nobody.
// It is safe for concurrent use.
type WithoutCodes struct{ *Factors }

// Enable is [Factors.Enable], and makes no recovery codes.
func (f WithoutCodes) Enable(ctx context.Context, account uuid.UUID, by SignIn, c authcore.Client) (Status, error) {
	return switchOn(ctx, f.Factors, account, "", by, false, c)
}

func switchOn(ctx context.Context, f *Factors, account uuid.UUID, preferred authcore.FactorType, by SignIn, codesToo bool, c authcore.Client) (Status, error) {
	codes, err := retry(func() ([]string, error) {
		s, err := f.state(ctx, account)
		if err != nil {
			return nil, err
		}
		if err := maySwitchOn(f, s, by); err != nil {
			return nil, err
		}
		change := Change{Was: s, Now: f.now()}
		codes, err := adder{f}.enable(ctx, s, &change, codesToo, c)
		if err != nil {
			return nil, err
		}
		if preferred != "" {
			if preferred == authcore.FactorRecovery || !hasType(append(f.counting(s.Factors), change.Add...), preferred) {
				return nil, authcore.RefuseField("preferred", authcore.FactorTypeMissing)
			}
			change.MFA.Preferred = preferred
		}
		return codes, f.cfg.Store.ChangeFactors(ctx, change)
	})
	if err != nil {
		return Status{}, err
	}
	now, err := f.Status(ctx, account)
	now.Codes = codes
	return now, err
}

// Prefer says which type a sign-in asks for first; "" is any. Refusals: [authcore.InvalidFields] for a type that the account has no factor of;
// [authcore.InvalidToken] when the account is gone.
func (f *Factors) Prefer(ctx context.Context, account uuid.UUID, t authcore.FactorType) error {
	_, err := retry(func() (struct{}, error) {
		s, err := f.state(ctx, account)
		switch {
		case err != nil:
			return struct{}{}, err
		case t != "" && (t == authcore.FactorRecovery || !hasType(f.counting(s.Factors), t)):
			return struct{}{}, authcore.RefuseField("preferred", authcore.FactorTypeMissing)
		}
		change := Change{Was: s, Now: f.now(), MFA: &MFA{EnabledAt: s.Account.MFAEnabledAt, Preferred: t}}
		return struct{}{}, f.cfg.Store.ChangeFactors(ctx, change)
	})
	return err
}

// enable adds to a change what switches two-factor authentication on for an account with the factors of s, and returns the recovery
// codes that it makes, if it is to make any.
func (f adder) enable(ctx context.Context, s State, c *Change, codesToo bool, by authcore.Client) (codes []string, err error) {
	counting := f.counting(s.Factors)
	added := false
	if x := f.mailbox(s, counting); x != nil {
		x.ID, x.CreatedAt, x.ConfirmedAt = uuid.Must(uuid.NewV7()), c.Now, c.Now
		c.Add, added = append(c.Add, *x), true
		counting = append(counting, *x)
		c.Effects.Events = append(c.Effects.Events, eventOf(authcore.EventFactorAdded, s.Account.ID, x.Type, by, c.Now))
	}
	if !f.cfg.Ways.TwoKinds(s.Account, counting) {
		say := "There is no second factor to ask for. Add an authenticator app or another factor first."
		if f.cfg.Ways.Password && s.Account.PasswordHash == "" {
			say = "There is no second factor to ask for. Add an authenticator app or another factor first, or set a password."
		}
		return nil, authcore.Refuse(authcore.NoFactor, say)
	}
	if codesToo && len(s.Codes) == 0 && f.offers(authcore.FactorRecovery) {
		codes, added = f.makeCodes(s, "", c).Codes, true
		c.Effects.Events = append(c.Effects.Events, audit.Event(authcore.EventRecoveryCodesMade, s.Account.ID, by, c.Now))
	}
	c.MFA = &MFA{EnabledAt: s.Account.MFAEnabledAt, Preferred: s.Account.MFAPreferred}
	if s.Account.MFAEnabled() {
		return codes, f.madeCodes(ctx, s, c, codes, by)
	}
	c.MFA.EnabledAt = c.Now
	undo, err := f.undo(s, c.Remove, added)
	if err != nil {
		return nil, err
	}
	undo.MFA = notice.FormerMFAOf(s.Account)
	event := audit.Event(authcore.EventMFAEnabled, s.Account.ID, by, c.Now)
	c.Effects.Events = append(c.Effects.Events, event)
	return codes, f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
		Kind: authcore.MailMFAEnabled, Event: event, Account: s.Account, Undo: undo, Client: by,
	})
}

// madeCodes tells of recovery codes that were made with nothing else that is told.
func (f adder) madeCodes(ctx context.Context, s State, c *Change, codes []string, by authcore.Client) error {
	if codes == nil {
		return nil
	}
	undo, err := f.undo(s, c.Remove, true)
	if err != nil {
		return err
	}
	event := c.Effects.Events[len(c.Effects.Events)-1]
	return f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
		Kind: authcore.MailRecoveryCodesMade, Event: event, Account: s.Account, Undo: undo, Client: by,
	})
}

// Disable has sign-ins ask for no second factor any more. The factors stay; no device is trusted after it. Where it is off already
// nothing changes. Refusals: [authcore.MFAEnforced] where the operator demands it; [authcore.ShortPassword] where the password was taken
// beside second factors and is too short without; [authcore.InvalidToken] when the account is gone.
func (f *Factors) Disable(ctx context.Context, account uuid.UUID, by authcore.Client) error {
	_, err := retry(func() (struct{}, error) {
		s, err := f.state(ctx, account)
		switch {
		case err != nil:
			return struct{}{}, err
		case f.required(s.Account) != "":
			return struct{}{}, authcore.Refuse(authcore.MFAEnforced, "Two-factor authentication is required for your account and cannot be switched off.")
		case !s.Account.MFAEnabled():
			return struct{}{}, nil
		case s.Account.PasswordShort:
			return struct{}{}, authcore.Refuse(authcore.ShortPassword, "Your password is long enough beside a second factor only. Set a longer one first.")
		}
		c := Change{Was: s, Now: f.now(), MFA: &MFA{Preferred: s.Account.MFAPreferred}, EndTrust: true}
		event := audit.Event(authcore.EventMFADisabled, account, by, c.Now)
		c.Effects.Events = []authcore.Event{event}
		err = f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
			Kind: authcore.MailMFADisabled, Event: event, Account: s.Account, Undo: notice.Undo{MFA: notice.FormerMFAOf(s.Account)}, Client: by,
		})
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, f.cfg.Store.ChangeFactors(ctx, c)
	})
	return err
}

// HasSecond reports whether there is a factor besides recovery codes, which are for when it is lost.
func HasSecond(all []authcore.Factor) bool {
	return slices.ContainsFunc(all, func(x authcore.Factor) bool { return x.Type != authcore.FactorRecovery })
}

func eventOf(kind authcore.EventKind, account uuid.UUID, t authcore.FactorType, by authcore.Client, at time.Time) authcore.Event {
	e := audit.Event(kind, account, by, at)
	e.Method = string(t)
	return e
}
