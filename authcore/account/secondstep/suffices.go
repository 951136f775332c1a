package secondstep

import (
	"context"
	"slices"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
)

// Suffices reports whether a sign-in by amr is one that the account would be asked nothing more for at present, on a device that is not trusted:
// trust skips a step of a sign-in and proves nothing (contract §8.5).
func (f *Flow) Suffices(ctx context.Context, a authcore.Account, amr []string) (bool, error) {
	existing := Existing{f}
	if !f.asks(a) && !existing.watches(a, amr) || slices.Contains(amr, authcore.AMRMulti) {
		return true, nil
	}
	factors, err := f.cfg.Factors.Of(ctx, a.ID)
	if err != nil {
		return false, err
	}
	return !existing.asked(a, factors, amr) || existing.lacks(a, factors, amr).done, nil
}

// TakesOTP reports whether [Flow.ProveOTP] could take anything of the account: it has an app, or recovery codes that are left.
func (f *Flow) TakesOTP(ctx context.Context, a authcore.Account) (bool, error) {
	factors, err := f.cfg.Factors.Of(ctx, a.ID)
	return slices.ContainsFunc(factors, func(x authcore.Factor) bool {
		return x.Type == authcore.FactorTOTP || x.Type == authcore.FactorRecovery && x.Left > 0
	}), err
}

// ProveOTP checks and spends a code that somebody gives beside a password: one of an app, or a recovery code. Wrong ones count with those
// of the account's sign-ins. Refusals: [authcore.InvalidCode], [authcore.TooManyAttempts].
func (f *Flow) ProveOTP(ctx context.Context, a authcore.Account, otp string, c authcore.Client) (factor.Proved, error) {
	return f.verify(ctx, a, givenOTP(otp, c))
}
