package signin

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secondstep"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Input is a try to sign in, as it was typed.
type Input struct {
	Login    string
	Password string
	Request  session.Request // AMR and Method are set here
}

// Password signs in, or begins a sign-in that waits for a second step. Refusals: [authcore.InvalidCredentials] for an unknown login, a
// wrong password, any password where none signs in, a disabled account and one that a rule keeps out alike; [authcore.Blocked] for the client's address; [authcore.AccountNotVerified], only with the right password; [authcore.AccountLocked] with RetryAfter;
// [authcore.PasswordResetRequired], only with the right password;
// [authcore.InvalidFields]; [authcore.Unavailable] with RetryAfter when the hasher is at capacity; those of [secondstep.Flow.Finish]
// for the code of a second step.
func (f *Flow) Password(ctx context.Context, in Input) (secondstep.Outcome, error) {
	ctx, done := f.cfg.Trace(ctx, Step)
	out, err := f.password(ctx, in)
	done(out.Traced(err))
	return out, err
}

func (f *Flow) password(ctx context.Context, in Input) (secondstep.Outcome, error) {
	var broken authcore.FieldErrors
	device, err := identifier.DeviceName(in.Request.DeviceName)
	if broken.AddError("device_name", err); err != nil {
		return secondstep.Outcome{}, broken.Refusal()
	}
	in.Request.DeviceName, in.Request.AMR, in.Request.Method = device, []string{authcore.AMRPassword}, audit.ByPassword
	account, err := f.owner(ctx, in)
	if err != nil {
		return secondstep.Outcome{}, err
	}
	out, err := f.cfg.Steps.Finish(ctx, account, in.Request)
	if errors.Is(err, authcore.ErrNotFound) { // disabled, deleted or reset since it was read
		return secondstep.Outcome{}, errCredentials()
	}
	if err != nil {
		return secondstep.Outcome{}, fmt.Errorf("sign in: %w", err)
	}
	return out, nil
}

// Owner returns the account whose owner in is by its password alone, and signs nobody in: it is for what an owner may do who has only begun
// to sign in. Tries count as those of sign-ins. Refusals are those of [Flow.Password] but for second steps.
func (f *Flow) Owner(ctx context.Context, in Input) (authcore.Account, error) {
	return f.owner(ctx, in)
}

func (f *Flow) owner(ctx context.Context, in Input) (authcore.Account, error) {
	if f.cfg.NoPassword { // nothing is counted: nobody can guess what signs nobody in
		return authcore.Account{}, errCredentials()
	}
	if err := f.cfg.Steps.MayLoginFrom(in.Request.Client); err != nil {
		return authcore.Account{}, err
	}
	who, err := f.find(ctx, in.Login)
	if err != nil {
		return authcore.Account{}, err
	}
	shown, _ := f.cfg.ReadDevice(in.Request.DeviceToken)
	try, err := f.tries.Begin(ctx, who.lockKey, who.shows(shown))
	if err != nil {
		return authcore.Account{}, err
	}
	which, err := f.verify(ctx, who, in.Password)
	if err != nil {
		try.Cancel()
		return authcore.Account{}, err
	}
	switch which {
	case ofNobody:
		return authcore.Account{}, f.failed(ctx, who, try, in.Request.Client)
	case ofRegistration:
		// Neither a failure nor a proof of owning the account that may have the address.
		try.Cancel()
		return authcore.Account{}, errNotVerified()
	}
	if who.account.Disabled() || !f.cfg.Steps.MayLogin(*who.account, in.Request.Client) {
		return authcore.Account{}, f.failed(ctx, who, try, in.Request.Client)
	}
	try.Succeeded(context.WithoutCancel(ctx)) // counted, also when the client has hung up meanwhile
	if f.cfg.RequireVerified() && unverified(*who.account) {
		return authcore.Account{}, errNotVerified()
	}
	f.rehash(ctx, who.account, in.Password)
	if err := f.breached(ctx, *who.account, in); err != nil {
		return authcore.Account{}, err
	}
	return *who.account, nil
}

// subject is whom a login means.
type subject struct {
	account *authcore.Account // nil: none
	// pending are the hashes of registrations that wait under the same address, for an address with an account as well:
	// whoever registers an address and then signs in must get one answer, whether it had an account before or not (L01).
	pending []string
	lockKey string
}

// shows is the device that a try at the subject's password comes from.
func (s subject) shows(device secret.Digest) attempt.Shown {
	shown := attempt.Shown{Device: device}
	if s.account != nil {
		shown.Account = s.account.ID
	}
	return shown
}

// owner is whose password somebody gave.
type owner int

const (
	ofNobody owner = iota
	ofAccount
	ofRegistration
)

// find makes the same look-ups for every login of a kind, so that their time tells nothing (L02).
func (f *Flow) find(ctx context.Context, login string) (subject, error) {
	// What can be no name is one name: its tries are counted together.
	who := subject{lockKey: "none:"}
	for _, id := range f.cfg.Numbers.Logins(login) {
		var err error
		if who, err = f.findBy(ctx, id); err != nil || who.account != nil || len(who.pending) > 0 {
			return who, err
		}
	}
	return who, nil
}

func (f *Flow) findBy(ctx context.Context, id authcore.Identifier) (subject, error) {
	s := subject{lockKey: identifier.Key(id)}
	if !f.signsIn(id.Kind) {
		return s, nil
	}
	account, accountErr := f.cfg.Store.AccountByIdentifier(ctx, id)
	if accountErr != nil && !errors.Is(accountErr, authcore.ErrNotFound) {
		return subject{}, fmt.Errorf("find account: %w", accountErr)
	}
	pending, err := f.pending(ctx, id)
	if err != nil {
		return subject{}, fmt.Errorf("find registrations: %w", err)
	}
	for _, r := range pending {
		if r.PasswordHash != "" { // that of an account which exists already has none
			s.pending = append(s.pending, r.PasswordHash)
		}
	}
	switch {
	case accountErr == nil:
		// One counter for all identifiers of an account (L07).
		s.account, s.lockKey = &account, identifier.AccountKey(account.ID)
	case len(pending) > 0:
		kind := authcore.KindEmail
		if pending[0].Channel == authcore.BySMS {
			kind = authcore.KindPhone
		}
		s.lockKey = identifier.Key(authcore.Identifier{Kind: kind, Value: pending[0].Address})
	}
	return s, nil
}

// pending returns the registrations that wait under the identifier, newest first.
func (f *Flow) pending(ctx context.Context, id authcore.Identifier) ([]authcore.Registration, error) {
	if id.Kind != authcore.KindUsername {
		return f.cfg.Store.Registrations(ctx, id.Value, f.now())
	}
	r, err := f.cfg.Store.RegistrationByUsername(ctx, id.Value, f.now())
	if errors.Is(err, authcore.ErrNotFound) {
		return nil, nil
	}
	return []authcore.Registration{r}, err
}

// verify does one Argon2id computation in every case: what has no hash, and a password that can be nobody's, are measured
// against a dummy of the same cost, and all hashes of one address share their salt (passhash.HashLike).
func (f *Flow) verify(ctx context.Context, who subject, typed string) (owner, error) {
	hashes := who.pending
	own := who.account != nil && who.account.PasswordHash != ""
	if own {
		hashes = append([]string{who.account.PasswordHash}, hashes...)
	}
	normal, err := f.cfg.Policy.Normalize(typed)
	if err != nil || len(hashes) == 0 {
		// A giant password must not be hashed: only its rejection is to take the usual time (D03).
		if err := f.cfg.Hasher.VerifyDummy(ctx, normal); err != nil {
			return ofNobody, fmt.Errorf("verify password: %w", password.Busy(err))
		}
		return ofNobody, nil
	}
	i, err := f.cfg.Hasher.VerifyAny(ctx, normal, hashes...)
	switch {
	case err != nil:
		return ofNobody, fmt.Errorf("verify password: %w", password.Busy(err))
	case i < 0:
		return ofNobody, nil
	case own && i == 0:
		return ofAccount, nil
	}
	return ofRegistration, nil
}

func (f *Flow) failed(ctx context.Context, who subject, try attempt.Attempt, c authcore.Client) error {
	account := uuid.Nil
	if who.account != nil {
		account = who.account.ID
	}
	failure := audit.Failure(authcore.EventSignInFailed, account, c, authcore.InvalidCredentials, f.now())
	failure.Method = audit.ByPassword
	if err := f.tries.Failed(ctx, try, who.account, failure, c); err != nil {
		return err
	}
	return errCredentials()
}

// unverified reports whether an account has verified nothing of what it is known by, and does not sign in without: that made by whoever
// runs the gateway does.
func unverified(a authcore.Account) bool {
	return a.Email != "" && !a.EmailVerified() && !a.PhoneVerified() && !a.MadeByOperator
}

// rehash brings the hash to the configured cost while the password is at hand. What fails here is tried again at the next
// sign-in and must not spoil this one.
func (f *Flow) rehash(ctx context.Context, a *authcore.Account, typed string) {
	if !f.cfg.Hasher.NeedsRehash(a.PasswordHash) {
		return
	}
	normal, err := f.cfg.Policy.Normalize(typed)
	if err != nil {
		return
	}
	hash, err := f.cfg.Hasher.Hash(ctx, normal)
	if err != nil {
		return
	}
	if f.cfg.Store.ReplacePasswordHash(ctx, a.ID, a.PasswordHash, hash) == nil {
		a.PasswordHash = hash
	}
}

func (f *Flow) breached(ctx context.Context, a authcore.Account, in Input) error {
	normal, err := f.cfg.Policy.Normalize(in.Password)
	if err != nil {
		return err
	}
	return f.cfg.Breached(ctx, a, normal, in.Request.Client)
}

func errNotVerified() error {
	return authcore.Refuse(authcore.AccountNotVerified,
		"The e-mail address is not verified yet. Use the code or link we sent to it, or ask for a new one.")
}

func errCredentials() error {
	return authcore.Refuse(authcore.InvalidCredentials, "The username or password is wrong.")
}
