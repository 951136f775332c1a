package signup

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// claim is whose account a verified address becomes.
type claim struct {
	account authcore.Account // to create, or the existing one
	create  bool
	replace bool // existing: what was there before goes
	amr     []string
}

// claim decides by what the prover of the address knows. Knowing the code alone is not enough to take over what somebody
// registered: it may have been a stranger, who would keep the password.
func (f *Flow) claim(ctx context.Context, address string, in VerifyInput) (claim, error) {
	existing, err := f.owner(ctx, address)
	if err != nil {
		return claim{}, err
	}
	if existing != nil && !unverified(*existing) {
		return claim{}, challenge.Refuse()
	}
	if in.NewPassword != "" {
		return f.claimFresh(ctx, address, existing, in.NewPassword)
	}
	waiting, err := f.cfg.Store.Registrations(ctx, address, f.now())
	if err != nil {
		return claim{}, fmt.Errorf("find registrations: %w", err)
	}
	waiting = waiting[:min(len(waiting), keepRegistrations)]
	if r, ok := withProof(waiting, in.Proof); ok {
		return f.claimRegistered(r, existing, false), nil
	}
	if in.Password != "" {
		if c, ok, err := f.withPassword(ctx, waiting, existing, in.Password); ok || err != nil {
			return c, err
		}
		return claim{}, authcore.Refuse(authcore.RegistrationProofRequired,
			"That is not the password you chose at sign-up. Try again, or choose a new one.")
	}
	return claim{}, authcore.Refuse(authcore.RegistrationProofRequired,
		"Show that you are the person who registered: continue in the same browser, enter the password you chose, or choose a new one.")
}

// claimFresh takes the address and a new password alone.
func (f *Flow) claimFresh(ctx context.Context, address string, existing *authcore.Account, typed string) (claim, error) {
	// Of a link the address is known only now.
	normal, rules := password.Check(f.cfg.Policy, typed, address)
	if len(rules) > 0 {
		return claim{}, authcore.RefuseValue("new_password", rules...)
	}
	hash, err := f.hash(ctx, address, normal)
	if err != nil {
		return claim{}, fmt.Errorf("set new password: %w", err)
	}
	return f.claimRegistered(authcore.Registration{Address: address, PasswordHash: hash}, existing, false), nil
}

// claimRegistered takes what a registration holds; of an account that exists only its password is taken and the rest
// dropped, since another one may have made it.
func (f *Flow) claimRegistered(r authcore.Registration, existing *authcore.Account, byPassword bool) claim {
	c := claim{amr: challenge.AMR(authcore.PurposeVerifyEmail)}
	if byPassword {
		c.amr = append([]string{"pwd"}, c.amr...)
	}
	if existing != nil {
		c.account, c.replace = *existing, true
		c.account.PasswordHash = r.PasswordHash
		return c
	}
	now := f.now()
	c.create = true
	c.account = authcore.Account{
		ID: uuid.New(), Email: r.Address, Username: r.Username, FirstName: r.FirstName, LastName: r.LastName, Phone: r.Phone,
		PasswordHash: r.PasswordHash, CreatedAt: now, UpdatedAt: now,
	}
	return c
}

// withPassword looks for the registration, newest first, or else the account that the password belongs to.
func (f *Flow) withPassword(ctx context.Context, waiting []authcore.Registration, existing *authcore.Account, typed string) (claim, bool, error) {
	normal, err := f.cfg.Policy.Normalize(typed)
	if err != nil {
		return claim{}, false, nil // it can be nobody's
	}
	for _, r := range waiting {
		right, err := f.cfg.Hasher.Verify(ctx, r.PasswordHash, normal)
		if err != nil {
			return claim{}, false, fmt.Errorf("verify password of registration: %w", password.Busy(err))
		}
		if right {
			return f.claimRegistered(r, existing, true), true, nil
		}
	}
	if existing == nil || existing.PasswordHash == "" {
		return claim{}, false, nil
	}
	right, err := f.cfg.Hasher.Verify(ctx, existing.PasswordHash, normal)
	if err != nil {
		return claim{}, false, fmt.Errorf("verify password of account: %w", password.Busy(err))
	}
	amr := append([]string{"pwd"}, challenge.AMR(authcore.PurposeVerifyEmail)...)
	return claim{account: *existing, amr: amr}, right, nil
}

// withProof finds the registration of a registration secret.
func withProof(waiting []authcore.Registration, proof string) (authcore.Registration, bool) {
	if proof == "" || len(proof) > 128 {
		return authcore.Registration{}, false
	}
	shown := secret.SumString(proof)
	for _, r := range waiting {
		if kept, ok := secret.DigestFrom(r.ProofDigest); ok && kept.Equal(shown) {
			return r, true
		}
	}
	return authcore.Registration{}, false
}

// unverified reports whether the address of an existing account can still be verified by a mail.
func unverified(a authcore.Account) bool { return !a.EmailVerified() && !a.Disabled() }
