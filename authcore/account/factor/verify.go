package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Given is what somebody sends to prove a factor.
type Given struct {
	Type authcore.FactorType
	// FactorID is the factor. Zero is any app or the set of recovery codes; of email and sms it is no factor but the account's
	// verified address or number itself, as in [Factors.Send].
	FactorID   uuid.UUID
	Code       string
	Credential json.RawMessage // of WebAuthn
	// Subject is the pending sign-in or session that a code was sent for: what was sent for one is worth nothing for another (O12).
	Subject string
	Client  authcore.Client
}

// Proved is a factor that was proven.
type Proved struct {
	FactorID uuid.UUID // zero for the account's own address or number
	Type     authcore.FactorType
	AMR      []string
}

// Verify checks what was given for an account, and spends it: the same is worth nothing a second time. Of several callers with one code
// exactly one succeeds. An event tells of either outcome. Refusals: [authcore.InvalidCode], also for a type that the account has no
// factor of or that is not offered, [authcore.InvalidPasskey], and [authcore.TooManyAttempts] for codes that were sent. It counts no
// wrong codes of apps and recovery codes: the caller does, by what it lets in, and asks [authcore.Guessed] which are.
func (f *Factors) Verify(ctx context.Context, a authcore.Account, g Given) (Proved, error) {
	x, amr, err := prover{f}.verify(ctx, a, g)
	if err := (prover{f}).outcome(ctx, a, g, err); err != nil {
		return Proved{}, err
	}
	return Proved{FactorID: x.ID, Type: g.Type, AMR: amr}, nil
}

// refusals are the codes of proofs that are not right.
var refusals = []authcore.Code{authcore.InvalidCode, authcore.TooManyAttempts, authcore.InvalidPasskey}

// outcome tells of the end of a proof, and returns err.
func (f prover) outcome(ctx context.Context, a authcore.Account, g Given, err error) error {
	code := authcore.CodeOf(err)
	switch {
	case err == nil:
		f.cfg.Trace(g.Type, audit.Success)
		return nil
	case !slices.Contains(refusals, code):
		return err
	}
	f.cfg.Trace(g.Type, string(code))
	failure := audit.Failure(authcore.EventFactorFailed, a.ID, g.Client, code, f.now())
	failure.Method = string(g.Type)
	if stored := f.cfg.Store.Record(ctx, authcore.Effects{Events: []authcore.Event{failure}}); stored != nil {
		return fmt.Errorf("record failure: %w", stored)
	}
	return err
}

// prover proves factors.
type prover struct{ *Factors }

func (f prover) verify(ctx context.Context, a authcore.Account, g Given) (x authcore.Factor, worth []string, err error) {
	worth = []string{AMR(g.Type)}
	switch _, key := kindOf(g.Type); {
	case key:
		return keys(f).verify(ctx, a, g)
	case g.Type == authcore.FactorEmail, g.Type == authcore.FactorSMS:
		x, err = f.verifySent(ctx, a, g)
		return x, worth, err
	case !f.offers(g.Type):
		return x, nil, challenge.Refuse()
	}
	s, err := f.state(ctx, a.ID)
	switch {
	case err != nil:
		return x, nil, err
	case g.Type == authcore.FactorRecovery:
		x, err = f.verifyRecovery(ctx, s, g)
	default:
		x, err = f.verifyTOTP(ctx, s, g)
	}
	return x, worth, err
}

// verifyTOTP takes a code of any of the account's apps, or of the one that is named.
func (f prover) verifyTOTP(ctx context.Context, s State, g Given) (authcore.Factor, error) {
	code, refusal := challenge.PlainCode(g.Code), wrongCode()
	for _, x := range f.counting(s.Factors) {
		if x.Type != authcore.FactorTOTP || g.FactorID != uuid.Nil && g.FactorID != x.ID {
			continue
		}
		seed, err := openSeed(f.cfg.Sealer, x)
		if err != nil {
			return x, err
		}
		step, ok := matchStep(seed, code, x.LastStep, f.now())
		if !ok {
			if step != 0 {
				refusal = usedCode()
			}
			continue
		}
		err = f.cfg.Store.UseTOTPStep(ctx, f.use(s.Account, x, g), step)
		return x, spent(err)
	}
	return authcore.Factor{}, refusal
}

// verifyRecovery spends a recovery code, and tells the owner: whoever has the list can come back.
func (f prover) verifyRecovery(ctx context.Context, s State, g Given) (authcore.Factor, error) {
	digest := f.recoveryDigest(s.Account.ID, g.Code)
	at := slices.IndexFunc(s.Factors, func(x authcore.Factor) bool { return x.Type == authcore.FactorRecovery })
	if at < 0 || !slices.ContainsFunc(s.Codes, digest.Equal) {
		return authcore.Factor{}, wrongCode()
	}
	x := s.Factors[at]
	if g.FactorID != uuid.Nil && g.FactorID != x.ID {
		return authcore.Factor{}, wrongCode()
	}
	u := f.use(s.Account, x, g)
	event := audit.Event(authcore.EventRecoveryCodeUsed, s.Account.ID, g.Client, u.Now)
	u.Effects.Events = append(u.Effects.Events, event)
	err := f.cfg.Notices.Security(ctx, &u.Effects, notice.Notice{
		Kind: authcore.MailRecoveryCodeUsed, Event: event, Account: s.Account, Client: g.Client,
	})
	if err != nil {
		return x, err
	}
	return x, spent(f.cfg.Store.UseRecoveryCode(ctx, u, digest))
}

// verifySent takes the code of a mail or SMS that was sent for the subject.
func (f prover) verifySent(ctx context.Context, a authcore.Account, g Given) (authcore.Factor, error) {
	x := authcore.Factor{ID: g.FactorID, Type: g.Type}
	if g.FactorID != uuid.Nil && !f.offers(g.Type) {
		return x, challenge.Refuse()
	}
	shown := challenge.Credentials{Subject: sentSubject(g.Type, g.FactorID, g.Subject), Code: g.Code}
	proof, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeSecondFactor, shown)
	if err != nil {
		return x, err
	}
	if proof.AccountID != a.ID { // O13
		return x, challenge.Refuse()
	}
	if err := spent(f.cfg.Store.UseFactorCode(ctx, f.use(a, x, g), proof.ID)); err != nil {
		return x, err
	}
	f.cfg.Challenges.SignedIn(ctx, authcore.PurposeSecondFactor, channelOf(x.Type), sentCounted(a, x))
	return x, nil
}

func (f prover) use(a authcore.Account, x authcore.Factor, g Given) Use {
	now := f.now()
	event := audit.Event(authcore.EventFactorUsed, a.ID, g.Client, now)
	event.Method = string(x.Type)
	return Use{AccountID: a.ID, FactorID: x.ID, Now: now, Effects: authcore.Effects{Events: []authcore.Event{event}}}
}

// spent is what a client may see of a use: whoever was not the first has a code that is worth nothing.
func spent(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound):
		return usedCode()
	}
	return fmt.Errorf("use factor: %w", err)
}

// usedCode is a wrongCode that was right and has been used: it is no guess, and so not counted as one.
func usedCode() *authcore.Error { return wrongCode().Because(authcore.ErrSpentCode) }

func wrongCode() *authcore.Error {
	return authcore.Refuse(authcore.InvalidCode, "The code is wrong, or has been used already. Each code is good once: wait for the next one.")
}
