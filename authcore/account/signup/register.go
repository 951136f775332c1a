package signup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// RegisterInput is what somebody who signs up gives, as it was typed. There is deliberately no way to give a role, an id or
// whether an address is verified (mass assignment, ASVS 15.3.3).
type RegisterInput struct {
	Email, Password string // Password as Settings.Passwords has it
	Username        string
	FirstName       string
	LastName        string
	Invitation      string         // its token; "" for none
	Phone           string         // verified in place of an address where numbers sign in and there is no address; else a contact number
	Locale          string         // a language tag (BCP 47)
	Fields          map[string]any // of the option user_field
	Client          authcore.Client
	// Number reserves a number for an account that is made later, once all that was given is right; nil: it gets one when it is made.
	Number func(ctx context.Context) (int64, error)
	// Trapped: the form had a field that people do not see, and something was in it. Then nothing is made.
	Trapped bool
}

// Registered is the answer to a sign-up.
type Registered struct {
	Account *authcore.Account // with signup open; else nil
	// Proof is the registration secret: shown again with the code or link, it says that the same person registered. "" where there
	// is nothing to verify.
	Proof   string
	Channel authcore.Channel // that of what is to be verified
	Sent    bool             // whether a code goes out by itself; else it is sent when [Flow.Resend] asks for it
	// ExpiresIn is how long code and link are valid, or where none is sent how long the registration waits.
	ExpiresIn time.Duration
	Number    int64 // that was reserved; 0: none
}

// Register signs up. With signup verified the answer is the same for an address that has an account, whose owner gets a
// mail that says so. Refusals: [authcore.SignupClosed]; [authcore.InvitationRequired]; [authcore.InvalidInvitation]; [authcore.Blocked]; [authcore.InvalidFields] with every broken rule; with signup open
// [authcore.Conflict], whose Fields name what is taken; [authcore.Unavailable].
func (f *Flow) Register(ctx context.Context, in RegisterInput) (Registered, error) {
	step := StepRegister
	if in.Invitation != "" {
		step = StepInvited
	}
	ctx, done := f.cfg.Trace(ctx, step)
	r, err := register(ctx, f, in)
	done(err)
	return r, err
}

func register(ctx context.Context, f *Flow, in RegisterInput) (Registered, error) {
	if f.Mode() == Closed {
		return Registered{}, authcore.Refuse(authcore.SignupClosed, "Sign-up is closed.")
	}
	invitation, err := invited(ctx, f.cfg, &in)
	if err != nil {
		return Registered{}, err
	}
	a, broken := f.check(in)
	if err := f.cfg.Blocks.MaySignUp(block.Of(a.account(), in.Client)); err != nil {
		return Registered{}, err
	}
	if f.Mode() != Open {
		taken, err := usernameTaken(ctx, f.cfg, a)
		if err != nil {
			return Registered{}, err
		}
		if taken {
			broken.Add("username", authcore.UsernameTaken)
		}
	}
	if err := broken.Refusal(); err != nil {
		return Registered{}, err
	}
	in.Client.Lang = cmp.Or(a.locale, in.Client.Lang)
	to := f.cfg.Settings.target(a)
	if in.Trapped {
		return pretend(f, a, to, invitation), nil
	}
	hash, err := f.hash(ctx, to, a.password)
	if err != nil {
		return Registered{}, fmt.Errorf("register: %w", err)
	}
	switch {
	case invitation.Address != "":
		return f.registerInvited(ctx, a, hash, invitation, in.Client)
	case f.Mode() == Open:
		return f.registerOpen(ctx, a, to, hash, invitation.ID, in.Client)
	}
	return f.registerVerified(ctx, a, to, hash, invitation.ID, in)
}

// usernameTaken reports whether the username is another account's. Usernames are public: that one is taken may be said, and is found out without
// regard to the address.
func usernameTaken(ctx context.Context, cfg Config, a application) (bool, error) {
	if a.username == "" || !cfg.Settings.unique(authcore.KindUsername) {
		return false, nil
	}
	taken, err := cfg.Store.IdentifierTaken(ctx, authcore.Identifier{Kind: authcore.KindUsername, Value: a.username}, uuid.Nil)
	if err != nil {
		return false, fmt.Errorf("look up username: %w", err)
	}
	return taken, nil
}

// hash hashes a password for an address under the salt of all its passwords: then a sign-in is checked against every one of
// them in one computation, and neither its time nor its answer tells whether there was one before (L01, L02). Where there is
// none the salt comes from the address: of several who register it at once, none would see another's. "" is no password, and has no hash.
func (f *Flow) hash(ctx context.Context, to target, normal string) (string, error) {
	if normal == "" {
		return "", nil
	}
	if to.address == "" {
		return password.Hash(ctx, f.cfg.Hasher, normal, "", nil)
	}
	like, err := f.hashAt(ctx, to)
	if err != nil {
		return "", err
	}
	return password.Hash(ctx, f.cfg.Hasher, normal, like, f.cfg.Salt(to.address))
}

// hashAt returns a hash that a sign-in with the address would be checked against; "" for none.
func (f *Flow) hashAt(ctx context.Context, to target) (string, error) {
	account, err := f.owner(ctx, to)
	if err != nil {
		return "", err
	}
	waiting, err := f.cfg.Store.Registrations(ctx, to.address, f.now())
	if err != nil {
		return "", fmt.Errorf("find registrations: %w", err)
	}
	if account != nil && account.PasswordHash != "" {
		return account.PasswordHash, nil
	}
	for _, r := range waiting {
		if r.PasswordHash != "" {
			return r.PasswordHash, nil
		}
	}
	return "", nil
}

// registerVerified lets a registration wait. It does the same for every address: one look-up, one transaction with a
// registration, a challenge and a mail (L04).
func (f *Flow) registerVerified(ctx context.Context, a application, to target, hash string, invitation uuid.UUID, in RegisterInput) (done Registered, err error) {
	done = f.registered(to)
	if in.Number != nil {
		if done.Number, err = in.Number(ctx); err != nil {
			return Registered{}, fmt.Errorf("reserve number: %w", err)
		}
	}
	now, c := f.now(), in.Client
	r := authcore.Registration{
		ID: uuid.Must(uuid.NewV7()), Channel: to.channel, Address: to.address, ProofDigest: digest(done.Proof), PasswordHash: hash,
		Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone,
		Locale: a.locale, Fields: a.fields, InvitationID: invitation, Number: done.Number, CreatedAt: now, ExpiresAt: now.Add(RegistrationLifetime),
	}
	if to.channel == authcore.BySMS {
		r.Phone, r.Email = "", a.email
	}
	save := func(ctx context.Context, ch *authcore.Challenge, fx authcore.Effects) error {
		return f.cfg.Store.SaveRegistration(ctx, r, keepRegistrations, ch, fx)
	}
	account, err := f.owner(ctx, to)
	if err != nil {
		return Registered{}, err
	}
	if !done.Sent {
		return done, save(ctx, nil, authcore.Effects{})
	}
	request := f.requestFor(to, account, true, c)
	request.Save = func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error { return save(ctx, &ch, fx) }
	wait, _, err := f.cfg.Challenges.Request(ctx, request)
	if err == nil && wait > 0 { // no mail now: the challenge that is out stays
		err = save(ctx, nil, authcore.Effects{})
	}
	if err != nil {
		return Registered{}, fmt.Errorf("save registration: %w", err)
	}
	return done, nil
}

// registered is the answer to who is to verify a target.
func (f *Flow) registered(to target) Registered {
	done := Registered{Proof: secret.Token(), Channel: to.channel, Sent: !f.cfg.Settings.CodeOnDemand, ExpiresIn: f.cfg.Challenges.LifetimeBy(to.channel)}
	if !done.Sent {
		done.ExpiresIn = RegistrationLifetime
	}
	return done
}

func digest(proof string) []byte { return secret.SumString(proof).Bytes() }

// registerOpen makes the account at once, with its address unverified, and sends the code for it. What the account is verified by can
// also be shown by the registration secret, for which a registration of its own id waits.
func (f *Flow) registerOpen(ctx context.Context, a application, to target, hash string, invitation uuid.UUID, c authcore.Client) (Registered, error) {
	account, now := a.account(), f.now()
	account.ID, account.PasswordHash = uuid.New(), hash
	account.CreatedAt, account.UpdatedAt = now, now
	if f.cfg.Settings.Deferred {
		return f.registerDeferred(ctx, account, invitation, c)
	}
	o := authcore.Opening{Account: account, Identifiers: f.cfg.Settings.identifiers(account), Invited: spends(f.cfg.Notices, invitation, c)}
	events := []authcore.Event{audit.Event(authcore.EventRegistered, account.ID, c, now)}
	done := Registered{Channel: to.channel}
	if to.address != "" && f.cfg.Settings.unique(to.kind()) { // else an address does not lead to one account
		done = f.registered(to)
		o.Registration = &authcore.Registration{ID: account.ID, Channel: to.channel, Address: to.address, ProofDigest: digest(done.Proof),
			CreatedAt: now, ExpiresAt: now.Add(RegistrationLifetime)}
	}
	save := func(ctx context.Context, ch *authcore.Challenge, fx authcore.Effects) error {
		o.Challenge, o.Effects = ch, fx
		return f.cfg.Store.OpenAccount(ctx, o)
	}
	err := f.saveOpen(ctx, save, done.Sent, f.requestFor(to, &account, true, c), events)
	if err != nil {
		return Registered{}, refusal("create account", err)
	}
	done.Account = &account
	return done, nil
}

// registerDeferred makes an account that is found by its username alone: what is to be verified is pending, and any number of accounts may
// claim it. The account stands before the code is sent: what fails then is only the message, which its owner can ask for again.
func (f *Flow) registerDeferred(ctx context.Context, a authcore.Account, invitation uuid.UUID, c authcore.Client) (Registered, error) {
	f.cfg.Settings.defers(&a)
	err := f.cfg.Store.OpenAccount(ctx, authcore.Opening{Account: a, Identifiers: f.cfg.Settings.identifiers(a), Invited: spends(f.cfg.Notices, invitation, c),
		Effects: authcore.Effects{Events: []authcore.Event{audit.Event(authcore.EventRegistered, a.ID, c, a.CreatedAt)}}})
	if err != nil {
		return Registered{}, refusal("create account", err)
	}
	if !f.cfg.Settings.CodeOnDemand {
		for _, p := range a.Pending(a.CreatedAt) {
			_ = f.cfg.Confirm(ctx, a.ID, p, c)
		}
	}
	return Registered{Account: &a}, nil
}

// defers makes what is to be verified pending, in an account that is made now.
func (s Settings) defers(a *authcore.Account) {
	s.setAside(a, "", a.CreatedAt)
	if a.Email != "" { // an address that does not sign in waits as well
		a.PendingEmail, a.PendingEmailUntil, a.Email = a.Email, a.CreatedAt.Add(PendingLifetime), ""
	}
}

// saveOpen saves an account with a code, where one is to be sent and may be.
func (f *Flow) saveOpen(ctx context.Context, save func(context.Context, *authcore.Challenge, authcore.Effects) error, send bool,
	request challenge.Request, events []authcore.Event) error {
	if send {
		request.Events = events
		request.Save = func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error { return save(ctx, &ch, fx) }
		if wait, _, err := f.cfg.Challenges.Request(ctx, request); err != nil || wait == 0 {
			return err
		}
	}
	return save(ctx, nil, authcore.Effects{Events: events})
}

// owner returns the account that uses the address, verified or not; nil for none, and where addresses do not identify.
func (f *Flow) owner(ctx context.Context, to target) (*authcore.Account, error) {
	if !f.cfg.Settings.unique(to.kind()) {
		return nil, nil
	}
	a, err := f.cfg.Store.AccountByIdentifier(ctx, to.identifier())
	if errors.Is(err, authcore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	return &a, nil
}

// refusal turns the error of a step that makes an account into what whoever signs up is told.
func refusal(step string, err error) error {
	var taken *authcore.TakenError
	switch {
	case errors.As(err, &taken):
		e := authcore.Refuse(authcore.Conflict, "An account with this "+string(taken.Field)+" already exists.")
		e.Fields.Add(string(taken.Field), taken.Rule())
		return e
	case errors.Is(err, authcore.ErrInvitation): // it was used or revoked since somebody looked
		return invite.Refuse()
	}
	return fmt.Errorf("%s: %w", step, err)
}
