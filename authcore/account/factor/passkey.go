package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// AskAnybody returns options (PublicKeyCredentialRequestOptionsJSON) by which somebody signs in with a passkey, whoever they are, and how
// long they are good. Refusal: [authcore.NotFound] where passkeys are not offered, or not possible at this host.
func (f *Factors) AskAnybody(ctx context.Context, c authcore.Client) (json.RawMessage, time.Duration, error) {
	party, err := f.cfg.Parties.For(c.Issuer)
	if err != nil || !f.offers(authcore.FactorPasskey) {
		return nil, 0, NoPasskeys()
	}
	ch, raw := keys{f}.newChallenge(authcore.PurposePasskey, uuid.NewString(), uuid.Nil)
	options, err := party.Request(webauthn.Passkey, raw, nil)
	if err != nil {
		return nil, 0, err
	}
	if err := f.cfg.Store.IssueChallenge(ctx, ch, authcore.Effects{}); err != nil {
		return nil, 0, fmt.Errorf("issue challenge: %w", err)
	}
	return options, webauthn.Lifetime, nil
}

// Identify takes an assertion (AuthenticationResponseJSON) for options of [Factors.AskAnybody], and returns whose passkey it is by. The
// account may be disabled. Events tell of either outcome. Refusals: [authcore.InvalidPasskey]; [authcore.UnknownPasskey] for a
// credential that no account has; [authcore.NotFound] where passkeys are not offered.
func (f *Factors) Identify(ctx context.Context, credential json.RawMessage, c authcore.Client) (authcore.Account, Proved, error) {
	if !f.offers(authcore.FactorPasskey) {
		return authcore.Account{}, Proved{}, NoPasskeys()
	}
	shown, err := webauthn.ReadAssertion(credential)
	if err != nil {
		return authcore.Account{}, Proved{}, errInvalidPasskey(err)
	}
	if _, err := (keys{f}).take(ctx, authcore.PurposePasskey, shown.Challenge); err != nil {
		return authcore.Account{}, Proved{}, err
	}
	x, a, err := f.cfg.Store.FactorByCredential(ctx, shown.CredentialID)
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return a, Proved{}, authcore.Refuse(authcore.UnknownPasskey, "No account has this passkey. It may have been removed: sign in another way.")
	case err != nil:
		return a, Proved{}, fmt.Errorf("find credential: %w", err)
	case x.Type != authcore.FactorPasskey || len(shown.UserHandle) == 0: // a security key is a second factor only
		return a, Proved{}, errInvalidPasskey(nil)
	}
	g := Given{Type: x.Type, FactorID: x.ID, Client: c}
	amr, err := keys{f}.asserted(ctx, a, x, shown, g)
	if err := (prover{f}).outcome(ctx, a, g, err); err != nil {
		return a, Proved{}, err
	}
	return a, Proved{FactorID: x.ID, Type: x.Type, AMR: amr}, nil
}

// NoPasskeys returns the refusal where passkeys do not sign in.
func NoPasskeys() error {
	return authcore.Refuse(authcore.NotFound, "Nobody signs in with a passkey here.")
}
