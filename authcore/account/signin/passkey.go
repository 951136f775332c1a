package signin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
)

// Passkeys are what signs in without a name.
type Passkeys interface {
	// AskAnybody returns options for whoever has a passkey, and how long they are good.
	AskAnybody(ctx context.Context, c authcore.Client) (json.RawMessage, time.Duration, error)
	// Identify takes the response, and returns whose passkey it is by; that account may be disabled.
	Identify(ctx context.Context, credential json.RawMessage, c authcore.Client) (authcore.Account, factor.Proved, error)
}

// PasskeyInput is a try to sign in with a passkey.
type PasskeyInput struct {
	Credential json.RawMessage // AuthenticationResponseJSON
	Request    session.Request // AMR and Method are set here
}

// TakesPasskeys reports whether a passkey signs in. Where it does not, one may still be a second factor.
func (f *Flow) TakesPasskeys() bool { return f.cfg.Passkeys != nil }

// PasskeyOptions returns options (PublicKeyCredentialRequestOptionsJSON) to sign in with, and how long they are good.
// [authcore.NotFound] where nobody signs in with a passkey.
func (f *Flow) PasskeyOptions(ctx context.Context, c authcore.Client) (json.RawMessage, time.Duration, error) {
	if !f.TakesPasskeys() {
		return nil, 0, factor.NoPasskeys()
	}
	if err := f.cfg.Steps.MayLoginFrom(c); err != nil {
		return nil, 0, err
	}
	return f.cfg.Passkeys.AskAnybody(ctx, c)
}

// Passkey signs in with a passkey, which is two kinds of proof. Wrong passwords that have closed the account to passwords do not close it
// to passkeys. Refusals: [authcore.InvalidPasskey], also for a disabled account; [authcore.UnknownPasskey] for a credential that no
// account has; [authcore.AccountNotVerified]; [authcore.InvalidFields]; [authcore.NotFound] where nobody signs in with a passkey.
func (f *Flow) Passkey(ctx context.Context, in PasskeyInput) (secondstep.Outcome, error) {
	ctx, done := f.cfg.Trace(ctx, StepPasskey)
	out, err := f.passkey(ctx, in)
	done(out.Traced(err))
	return out, err
}

func (f *Flow) passkey(ctx context.Context, in PasskeyInput) (secondstep.Outcome, error) {
	var broken authcore.FieldErrors
	device, err := identifier.DeviceName(in.Request.DeviceName)
	if broken.AddError("device_name", err); err != nil {
		return secondstep.Outcome{}, broken.Refusal()
	}
	if !f.TakesPasskeys() {
		return secondstep.Outcome{}, factor.NoPasskeys()
	}
	if err := f.cfg.Steps.MayLoginFrom(in.Request.Client); err != nil {
		return secondstep.Outcome{}, err
	}
	account, proved, err := f.cfg.Passkeys.Identify(ctx, in.Credential, in.Request.Client)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	if account.Disabled() || !f.cfg.Steps.MayLogin(account, in.Request.Client) { // as a passkey that is not right: nobody learns that the account is there
		return secondstep.Outcome{}, factor.WrongPasskey()
	}
	if f.cfg.RequireVerified() && unverified(account) {
		return secondstep.Outcome{}, errNotVerified()
	}
	in.Request.DeviceName, in.Request.AMR, in.Request.Method = device, proved.AMR, audit.ByPasskey
	out, err := f.cfg.Steps.Finish(ctx, account, in.Request)
	if errors.Is(err, authcore.ErrNotFound) { // disabled, deleted or reset since it was read
		return secondstep.Outcome{}, factor.WrongPasskey()
	}
	if err != nil {
		return secondstep.Outcome{}, fmt.Errorf("sign in: %w", err)
	}
	return out, nil
}
