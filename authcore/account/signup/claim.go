package signup

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/wayin"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// claim is whose account a verified address or number becomes.
type claim struct {
	account authcore.Account // to create, or the existing one
	create  bool
	amr     []string
	// invitation that the registration came with; zero for none.
	invitation uuid.UUID
	noSession  bool // of [VerifyInput]
}

// claim decides by what the prover knows. Knowing the code alone is not enough to get what somebody has registered: it may have been
// a stranger, who would keep the password. Who proves nothing else sets a new one, and gets a new account: that of a stranger who
// registered the address is not taken over, for whatever is planted in it, here or in a service, would come along (contract §7).
func (f *Flow) claim(ctx context.Context, to target, in VerifyInput) (claim, error) {
	existing, err := f.owner(ctx, to)
	if err != nil {
		return claim{}, err
	}
	if existing != nil && !to.awaits(*existing) {
		return claim{}, challenge.Refuse()
	}
	if in.NewPassword != "" && to.open(existing) {
		return f.claimFresh(ctx, to, in.NewPassword)
	}
	waiting, err := f.cfg.Store.Registrations(ctx, to.address, f.now())
	if err != nil {
		return claim{}, fmt.Errorf("find registrations: %w", err)
	}
	waiting = waiting[:min(len(waiting), keepRegistrations)]
	if !to.open(existing) { // theirs alone
		waiting = slices.DeleteFunc(waiting, func(r authcore.Registration) bool { return r.ID != existing.ID })
	}
	if r, ok := withProof(waiting, in.Proof); ok {
		return f.claimProven(r, to, existing), nil
	}
	if f.cfg.Settings.Passwords == wayin.PasswordsOff {
		return claim{}, authcore.Refuse(authcore.RegistrationProofRequired,
			"Show that you are the person who registered: continue in the browser or app in which you did.")
	}
	if in.Password != "" {
		if c, ok, err := f.withPassword(ctx, to, waiting, existing, in.Password); ok || err != nil {
			return c, err
		}
		return claim{}, authcore.Refuse(authcore.RegistrationProofRequired,
			"That is not the password you chose at sign-up. Try again, or choose a new one.")
	}
	return claim{}, authcore.Refuse(authcore.RegistrationProofRequired,
		"Show that you are the person who registered: continue in the same browser, enter the password you chose, or choose a new one.")
}

// claimFresh takes the address and a new password alone.
func (f *Flow) claimFresh(ctx context.Context, to target, typed string) (claim, error) {
	// Of a link the address is known only now.
	normal, rules := password.Check(f.cfg.Policy, typed, to.address)
	if len(rules) > 0 {
		return claim{}, authcore.RefuseValue("new_password", rules...)
	}
	hash, err := f.hash(ctx, to, normal)
	if err != nil {
		return claim{}, fmt.Errorf("set new password: %w", err)
	}
	return f.claimRegistered(authcore.Registration{PasswordHash: hash}, to), nil
}

// claimProven is for who shows the registration secret: of an account that was made at once, or of a registration that waits.
func (f *Flow) claimProven(r authcore.Registration, to target, existing *authcore.Account) claim {
	if existing != nil && r.ID == existing.ID {
		return claim{account: *existing, amr: challenge.AMR(authcore.PurposeVerifyEmail, to.channel)}
	}
	return f.claimRegistered(r, to)
}

// claimRegistered makes an account of what a registration holds.
func (f *Flow) claimRegistered(r authcore.Registration, to target) claim {
	now := f.now()
	a := authcore.Account{
		ID: uuid.New(), Username: r.Username, FirstName: r.FirstName, LastName: r.LastName, Phone: r.Phone,
		Locale: r.Locale, Fields: r.Fields, PasswordHash: r.PasswordHash, Number: r.Number, CreatedAt: now, UpdatedAt: now,
	}
	if to.channel == authcore.BySMS {
		a.Phone, a.Email = to.address, r.Email
	} else {
		a.Email = to.address
	}
	f.cfg.Settings.setAside(&a, to.channel, now)
	return claim{account: a, create: true, amr: challenge.AMR(authcore.PurposeVerifyEmail, to.channel), invitation: r.InvitationID}
}

// withPassword looks for the registration, newest first, or else the account that the password belongs to.
func (f *Flow) withPassword(ctx context.Context, to target, waiting []authcore.Registration, existing *authcore.Account,
	typed string) (c claim, ok bool, err error) {
	normal, err := f.cfg.Policy.Normalize(typed)
	if err != nil {
		return claim{}, false, nil // it can be nobody's
	}
	verify := func(hash string) (bool, error) {
		if hash == "" {
			return false, nil
		}
		right, err := f.cfg.Hasher.Verify(ctx, hash, normal)
		if err != nil {
			return false, fmt.Errorf("verify password of registration: %w", password.Busy(err))
		}
		return right, nil
	}
	for _, r := range waiting {
		if ok, err = verify(r.PasswordHash); err != nil {
			return claim{}, false, err
		}
		if ok {
			c = f.claimRegistered(r, to)
			c.amr = append([]string{authcore.AMRPassword}, c.amr...)
			return c, true, nil
		}
	}
	if existing == nil {
		return claim{}, false, nil
	}
	ok, err = verify(existing.PasswordHash)
	return claim{account: *existing, amr: append([]string{authcore.AMRPassword}, challenge.AMR(authcore.PurposeVerifyEmail, to.channel)...)}, ok, err
}

// withProof finds the registration of a registration secret.
func withProof(waiting []authcore.Registration, proof string) (authcore.Registration, bool) {
	if proof == "" || len(proof) > secret.MaxToken {
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
