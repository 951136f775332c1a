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
}

// SignInOf is the sign-in that a request is made by.
func SignInOf(who *authcore.Principal) SignIn { return SignIn{who.AMR, who.AuthTime} }

// mayAddFirst is the one place of the rule on the first factor (contract §11): whoever has no factor yet adds one, and switches two-factor
// authentication on, only in a sign-in or step-up that is recent and included a code to the proven address. Else whoever has stolen a
// password would lock the owner out with a factor of their own. An account without a proven address has nothing more to show.
// Refusal: [authcore.ReauthenticationRequired].
func mayAddFirst(f *Factors, s State, by SignIn) error {
	if hasSecond(f.counting(s.Factors)) || !s.Account.EmailVerified() {
		return nil
	}
	if slices.Contains(by.AMR, AMR(authcore.FactorEmail)) && !f.now().After(by.At.Add(f.cfg.FreshFor)) {
		return nil
	}
	e := authcore.Refuse(authcore.ReauthenticationRequired, "The first factor of an account is added by who reads its mail. Prove yourself by a code to your e-mail address first.")
	e.MaxAge = f.cfg.FreshFor
	return e
}

// First says whether an account has its first factor still to add, and whether a sign-in may.
type First struct {
	Missing bool // it has none that counts
	Refused bool // the sign-in lacks a recent code to the proven address
}

// FirstOf returns it. [authcore.InvalidToken] when the account is gone.
func FirstOf(ctx context.Context, f *Factors, account uuid.UUID, by SignIn) (First, error) {
	s, err := f.state(ctx, account)
	if err != nil {
		return First{}, err
	}
	return First{Missing: !hasSecond(f.counting(s.Factors)), Refused: mayAddFirst(f, s, by) != nil}, nil
}
