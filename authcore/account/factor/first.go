package factor

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// SignIn is how the one is signed in who changes factors: by what proofs (RFC 8176), and when they were given.
type SignIn struct {
	AMR []string
	At  time.Time
	// First: the operator lets whoever is signed in add the first factor, and switch two-factor authentication on (the option fresh of df_auth).
	// The owner is told, and can undo it.
	First bool
}

// SignInOf is the sign-in that a request is made by.
func SignInOf(who *authcore.Principal) SignIn { return SignIn{AMR: who.AMR, At: who.AuthTime} }

// mayAdd is the one place of the rule on who gives an account second factors while its sign-ins ask for none (contract §11, §8.4): whoever
// adds one, or switches two-factor authentication on, is signed in by a sign-in or step-up that is recent and included a code to the proven
// address, or one of the factors that the account has. Else whoever has stolen a password would lock the owner out with a factor of their
// own. Where sign-ins ask for a factor, fresh calls do too. An account without a proven address has nothing more to show.
// Refusal: [authcore.ReauthenticationRequired].
func mayAdd(f *Factors, s State, by SignIn) error {
	counting := f.counting(s.Factors)
	if HasSecond(counting) && (WaysIn{f}).asked(s.Account, counting) || !s.Account.EmailVerified() {
		return nil
	}
	if by.First && !HasSecond(counting) {
		return nil
	}
	shown := slices.Contains(by.AMR, AMR(authcore.FactorEmail)) || slices.ContainsFunc(counting, func(x authcore.Factor) bool {
		return x.Type != authcore.FactorRecovery && slices.Contains(by.AMR, Worth(x)[0])
	})
	if shown && !f.now().After(by.At.Add(f.cfg.FreshFor())) {
		return nil
	}
	e := authcore.Refuse(authcore.ReauthenticationRequired, "A second factor is added by who reads the account's mail. Prove yourself by a code to your e-mail address first.")
	e.MaxAge = f.cfg.FreshFor()
	return e
}

// maySwitchOn is mayAdd of who switches two-factor authentication on.
func maySwitchOn(f *Factors, s State, by SignIn) error {
	if by.First {
		return nil
	}
	return mayAdd(f, s, by)
}

// MayAdd says whether a sign-in may give an account a second factor. [authcore.InvalidToken] when the account is gone.
func MayAdd(ctx context.Context, f *Factors, account uuid.UUID, by SignIn) (bool, error) {
	s, err := f.state(ctx, account)
	return err == nil && mayAdd(f, s, by) == nil, err
}
