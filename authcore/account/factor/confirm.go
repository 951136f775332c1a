package factor

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ConfirmInput shows that a new factor works.
type ConfirmInput struct {
	AccountID uuid.UUID
	FactorID  uuid.UUID
	Code      string
	// Credential is that of passkey and security_key: a RegistrationResponseJSON.
	Credential json.RawMessage
	// Enable switches two-factor authentication on with it.
	Enable bool
	// First demands that the account has no factor yet that counts: the caller has seen none of them proven.
	First  bool
	Client authcore.Client
}

// Confirmed is a factor that counts from now on.
type Confirmed struct {
	Factor authcore.Factor
	Codes  []string // recovery codes, where switching on has made the first ones
	// EnabledAt is since when sign-ins ask for a second factor; zero: they do not.
	EnabledAt time.Time
}

// Confirm makes a factor count whose owner shows that it works. Of several callers with one code exactly one succeeds, and the code is
// worth nothing for a sign-in (O08). Refusals: [authcore.InvalidCode], also for a factor that is confirmed already; [authcore.InvalidPasskey];
// [authcore.TooManyAttempts]; [authcore.NotFound] for one that has lapsed or is no factor of the account; [authcore.Forbidden] for another
// than the first, where that is demanded.
func (f *Factors) Confirm(ctx context.Context, in ConfirmInput) (Confirmed, error) {
	return retry(func() (Confirmed, error) { return confirmer{f}.confirm(ctx, in) })
}

// confirmer makes factors count.
type confirmer struct{ *Factors }

func (f confirmer) confirm(ctx context.Context, in ConfirmInput) (Confirmed, error) {
	s, err := f.state(ctx, in.AccountID)
	if err != nil {
		return Confirmed{}, err
	}
	at := slices.IndexFunc(s.Factors, func(x authcore.Factor) bool { return x.ID == in.FactorID })
	switch {
	case at < 0:
		return Confirmed{}, errNoFactor()
	case s.Factors[at].Confirmed(), !f.offers(s.Factors[at].Type):
		return Confirmed{}, challenge.Refuse()
	case in.First && HasSecond(f.counting(s.Factors)):
		return Confirmed{}, authcore.Refuse(authcore.Forbidden, "Your account has a second factor by now. Sign in again with it.")
	}
	x := s.Factors[at]
	proof, err := f.shown(ctx, s, x, in)
	if err != nil {
		return Confirmed{}, err
	}
	c := Change{Was: s, Now: f.now(), Confirm: &proof}
	event := audit.Event(authcore.EventFactorAdded, in.AccountID, in.Client, c.Now)
	event.Method = string(x.Type)
	c.Effects.Events = append(c.Effects.Events, event)
	err = f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
		Kind: authcore.MailFactorAdded, Event: event, Account: s.Account, Undo: notice.Undo{Factors: &notice.FormerFactors{Added: true}}, Client: in.Client,
	})
	if err != nil {
		return Confirmed{}, err
	}
	x.ConfirmedAt, x.ExpiresAt, x.LastStep = c.Now, time.Time{}, proof.LastStep
	if made := proof.Credential; made != nil {
		x.CredentialID, x.Credential, x.SignCount = made.ID, made.Record, made.SignCount
	}
	done := Confirmed{Factor: x, EnabledAt: s.Account.MFAEnabledAt}
	if in.Enable && !s.Account.MFAEnabled() {
		after := slices.Clone(s.Factors)
		after[at] = x
		if done.Codes, err = adder(f).enable(ctx, State{Account: s.Account, Factors: after, Codes: s.Codes}, &c, true, in.Client); err != nil {
			return Confirmed{}, err
		}
		done.EnabledAt = c.MFA.EnabledAt
	}
	return done, f.cfg.Store.ChangeFactors(ctx, c)
}

// shown checks the code or credential that confirms a factor.
func (f confirmer) shown(ctx context.Context, s State, x authcore.Factor, in ConfirmInput) (Confirmation, error) {
	if _, key := kindOf(x.Type); key {
		return keys(f).registered(ctx, s, x, in)
	}
	code := in.Code
	if x.Type == authcore.FactorTOTP {
		seed, err := openSeed(f.cfg.Sealer, x)
		if err != nil {
			return Confirmation{}, err
		}
		step, ok := matchStep(seed, challenge.PlainCode(code), x.LastStep, f.now())
		if !ok {
			// There is no such challenge: the try is counted as one of a code that was sent.
			_, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeConfirmFactor, challenge.Credentials{Subject: x.ID.String(), Code: code})
			return Confirmation{}, err
		}
		return Confirmation{ID: x.ID, LastStep: step}, nil
	}
	proof, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeConfirmFactor, challenge.Credentials{Subject: confirmSubject(x), Code: code})
	if err != nil {
		return Confirmation{}, err
	}
	if proof.AccountID != x.AccountID { // O13
		return Confirmation{}, challenge.Refuse()
	}
	return Confirmation{ID: x.ID, ChallengeID: proof.ID}, nil
}

// errNoFactor: another account's factor and none at all look alike.
func errNoFactor() error {
	return authcore.Refuse(authcore.NotFound, "You have no factor with this id.")
}
