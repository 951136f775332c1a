package signup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// RegisterInput is what somebody who signs up gives, as it was typed. There is deliberately no way to give a role, an id or
// whether an address is verified (mass assignment, ASVS 15.3.3).
type RegisterInput struct {
	Email, Password string
	Username        string
	FirstName       string
	LastName        string
	Phone           string
	Client          authcore.Client
}

// Registered is the answer to a sign-up.
type Registered struct {
	Account *authcore.Account // with signup open; else nil
	// Proof is the registration secret: shown again with the code or link, it says that the same person registered.
	Proof     string
	ExpiresIn time.Duration // of code and link
}

// Register signs up. With signup verified the answer is the same for an address that has an account, whose owner gets a
// mail that says so. Refusals: [authcore.SignupClosed]; [authcore.InvalidFields] with every broken rule; with signup open
// [authcore.Conflict], whose Fields name what is taken; [authcore.Unavailable].
func (f *Flow) Register(ctx context.Context, in RegisterInput) (Registered, error) {
	if f.cfg.Settings.Mode == Closed {
		return Registered{}, authcore.Refuse(authcore.SignupClosed, "Sign-up is closed.")
	}
	a, broken := f.check(in)
	if f.cfg.Settings.Mode == Verified && a.username != "" && f.unique(authcore.KindUsername) {
		// Usernames are public: that one is taken may be said, and is found out without regard to the address.
		taken, err := f.cfg.Store.IdentifierTaken(ctx, authcore.Identifier{Kind: authcore.KindUsername, Value: a.username}, uuid.Nil)
		if err != nil {
			return Registered{}, fmt.Errorf("look up username: %w", err)
		}
		if taken {
			broken.Add("username", authcore.UsernameTaken)
		}
	}
	if err := broken.Refusal(); err != nil {
		return Registered{}, err
	}
	hash, err := f.hash(ctx, a.email, a.password)
	if err != nil {
		return Registered{}, fmt.Errorf("register: %w", err)
	}
	if f.cfg.Settings.Mode == Open {
		return f.registerOpen(ctx, a, hash, in.Client)
	}
	return f.registerVerified(ctx, a, hash, in.Client)
}

// hash hashes a password for an address under the salt of all its passwords: then a sign-in is checked against every one of
// them in one computation, and neither its time nor its answer tells whether there was one before (L01, L02). Where there is
// none the salt comes from the address: of several who register it at once, none would see another's.
func (f *Flow) hash(ctx context.Context, address, normal string) (string, error) {
	like, err := f.hashAt(ctx, address)
	if err != nil {
		return "", err
	}
	return password.Hash(ctx, f.cfg.Hasher, normal, like, f.cfg.Salt(address))
}

// hashAt returns a hash that a sign-in with the address would be checked against; "" for none.
func (f *Flow) hashAt(ctx context.Context, address string) (string, error) {
	account, err := f.owner(ctx, address)
	if err != nil {
		return "", err
	}
	waiting, err := f.cfg.Store.Registrations(ctx, address, f.now())
	if err != nil {
		return "", fmt.Errorf("find registrations: %w", err)
	}
	switch {
	case account != nil && account.PasswordHash != "":
		return account.PasswordHash, nil
	case len(waiting) > 0:
		return waiting[0].PasswordHash, nil
	}
	return "", nil
}

// registerVerified lets a registration wait. It does the same for every address: one look-up, one transaction with a
// registration, a challenge and a mail (L04).
func (f *Flow) registerVerified(ctx context.Context, a application, hash string, c authcore.Client) (Registered, error) {
	proof, now := secret.Token(), f.now()
	r := authcore.Registration{
		ID: uuid.Must(uuid.NewV7()), Channel: authcore.ByEmail, Address: a.email, ProofDigest: secret.SumString(proof).Bytes(), PasswordHash: hash,
		Username: a.username, FirstName: a.firstName, LastName: a.lastName, Phone: a.phone,
		CreatedAt: now, ExpiresAt: now.Add(RegistrationLifetime),
	}
	save := func(ctx context.Context, ch *authcore.Challenge, fx authcore.Effects) error {
		return f.cfg.Store.SaveRegistration(ctx, r, keepRegistrations, ch, fx)
	}
	account, err := f.owner(ctx, a.email)
	if err != nil {
		return Registered{}, err
	}
	request := f.request(a.email, c)
	request.Save = func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error { return save(ctx, &ch, fx) }
	request.Known = &challenge.Known{Account: idOf(account), To: challenge.Recipient{Address: a.email}}
	if account != nil && !unverified(*account) {
		request.Known = &challenge.Known{To: challenge.Recipient{Address: a.email, Name: account.Name()}, Instead: authcore.MailAccountExists}
		request.Events = []authcore.Event{audit.Event(authcore.EventRegistrationAgain, account.ID, c, now)}
	}
	wait, _, err := f.cfg.Challenges.Request(ctx, request)
	if err == nil && wait > 0 { // no mail now: the challenge that is out stays
		err = save(ctx, nil, authcore.Effects{})
	}
	if err != nil {
		return Registered{}, fmt.Errorf("save registration: %w", err)
	}
	return Registered{Proof: proof, ExpiresIn: f.cfg.Challenges.Lifetime()}, nil
}

// registerOpen makes the account at once, with its address unverified, and sends the proof of the address after it.
func (f *Flow) registerOpen(ctx context.Context, a application, hash string, c authcore.Client) (Registered, error) {
	account, now := a.account(), f.now()
	account.ID, account.PasswordHash = uuid.New(), hash
	account.CreatedAt, account.UpdatedAt = now, now
	fx := authcore.Effects{Events: []authcore.Event{audit.Event(authcore.EventRegistered, account.ID, c, now)}}
	err := f.cfg.Store.CreateAccount(ctx, account, f.identifiers(account), fx)
	var taken *authcore.TakenError
	if errors.As(err, &taken) {
		return Registered{}, conflict(taken)
	}
	if err != nil {
		return Registered{}, fmt.Errorf("create account: %w", err)
	}
	if f.unique(authcore.KindEmail) { // else an address does not lead to one account
		// The account stands. What fails here is only the mail, which can be asked for again.
		request := f.request(account.Email, c)
		request.Known = &challenge.Known{Account: account.ID, To: challenge.Recipient{Address: account.Email}}
		_, _, _ = f.cfg.Challenges.Request(ctx, request)
	}
	return Registered{Account: &account, ExpiresIn: f.cfg.Challenges.Lifetime()}, nil
}

// owner returns the account that uses the address, verified or not; nil for none, and where addresses do not identify.
func (f *Flow) owner(ctx context.Context, address string) (*authcore.Account, error) {
	if !f.unique(authcore.KindEmail) {
		return nil, nil
	}
	a, err := f.cfg.Store.AccountByIdentifier(ctx, authcore.Identifier{Kind: authcore.KindEmail, Value: address})
	if errors.Is(err, authcore.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find account: %w", err)
	}
	return &a, nil
}

func conflict(taken *authcore.TakenError) error {
	e := authcore.Refuse(authcore.Conflict, "An account with this "+string(taken.Field)+" already exists.")
	e.Fields.Add(string(taken.Field), taken.Rule())
	return e
}

func idOf(a *authcore.Account) uuid.UUID {
	if a == nil {
		return uuid.Nil
	}
	return a.ID
}
