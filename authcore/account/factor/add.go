package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

const (
	// maxFactors is how many an account may have; its set of recovery codes is none of them.
	maxFactors = 20
	// unconfirmedFor is how long a factor waits for its owner to show that it works.
	unconfirmedFor = 10 * time.Minute
	// tries is how often a change is tried while other requests change the account.
	tries = 3
)

// AddInput says which factor is to be added.
type AddInput struct {
	AccountID uuid.UUID
	Type      authcore.FactorType
	Name      string
	Email     string // of email; "" is the account's verified address
	Phone     string // of sms; "" is the account's verified number
	SignIn    SignIn // of who adds it
	Client    authcore.Client
}

// Added is a new factor and what its owner needs to confirm it. What is secret of it is shown this once.
type Added struct {
	Factor    authcore.Factor
	Seed      string        // of totp: as people type it
	URL       string        // of totp: otpauth://
	QR        string        // of totp: URL as an SVG
	ExpiresIn time.Duration // of email and sms: how long the code is good
	Codes     []string      // of recovery
	// Options are those of passkey and security_key: a PublicKeyCredentialCreationOptionsJSON.
	Options json.RawMessage
}

// Add adds a factor that its owner has to confirm within ten minutes, and until then counts for nothing. There is one of a type that
// waits: another takes its place. A set of recovery codes needs no confirmation, and takes the place of the former set, whose codes are
// dead. Asked again for the same address or number too soon it sends nothing, and the code that is out stays good. Refusals:
// [authcore.InvalidFields]; [authcore.LimitReached]; [authcore.RateLimited] when the address or number has had its share;
// [authcore.InvalidToken] when the account is gone.
func (f *Factors) Add(ctx context.Context, in AddInput) (Added, error) {
	var broken authcore.FieldErrors
	if !f.offers(in.Type) {
		broken.Add("type", authcore.FactorTypeNotOffered)
	}
	name, err := identifier.FactorName(in.Name)
	broken.AddError("name", err)
	if err := broken.Refusal(); err != nil {
		return Added{}, err
	}
	in.Name = name
	return retry(func() (Added, error) {
		s, err := f.state(ctx, in.AccountID)
		if err != nil {
			return Added{}, err
		}
		if err := mayAdd(f, s, in.SignIn); err != nil {
			return Added{}, err
		}
		switch in.Type {
		case authcore.FactorRecovery:
			return adder{f}.addRecovery(ctx, s, in)
		case authcore.FactorTOTP:
			return adder{f}.addTOTP(ctx, s, in)
		case authcore.FactorPasskey, authcore.FactorSecurityKey:
			return keys{f}.add(ctx, s, in)
		}
		return adder{f}.addSent(ctx, s, in)
	})
}

// retry tries a change again that was decided from what another request has changed meanwhile. One that others keep from being made is
// [authcore.Unavailable], with nothing changed: who sends many at once has met no fault.
func retry[T any](try func() (T, error)) (done T, err error) {
	for range tries {
		if done, err = try(); !errors.Is(err, authcore.ErrNotFound) {
			break
		}
	}
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		err = fmt.Errorf("change factors, %d times in the way of other changes: %w", tries, authcore.ErrUnavailable)
	case err != nil:
		err = fmt.Errorf("change factors: %w", err)
	}
	return done, err
}

func refuseFound(field string, err error) error {
	var broken authcore.FieldErrors
	broken.AddError(field, err)
	return broken.Refusal()
}

// adder adds factors.
type adder struct{ *Factors }

// newFactor returns a factor that is not confirmed, and the change that adds it in place of one of its type that waits.
func (f adder) newFactor(s State, in AddInput) (authcore.Factor, Change, error) {
	now := f.now()
	x := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: s.Account.ID, Type: in.Type, Name: in.Name, CreatedAt: now, ExpiresAt: now.Add(unconfirmedFor)}
	c := Change{Was: s, Now: now}
	has := 0
	for _, y := range s.Factors {
		switch {
		case y.Type == authcore.FactorRecovery:
		case y.Type == in.Type && !y.Confirmed():
			c.Remove = append(c.Remove, y.ID)
		default:
			has++
		}
	}
	if has >= maxFactors {
		return x, c, authcore.Refuse(authcore.LimitReached, "An account can have 20 factors. Remove one first.")
	}
	return x, c, nil
}

func (f adder) addTOTP(ctx context.Context, s State, in AddInput) (Added, error) {
	x, c, err := f.newFactor(s, in)
	if err != nil {
		return Added{}, err
	}
	seed := secret.Random(seedBytes)
	if x.Secret, err = sealSeed(f.cfg.Sealer, x, seed); err != nil {
		return Added{}, err
	}
	c.Add = []authcore.Factor{x}
	if err := f.cfg.Store.ChangeFactors(ctx, c); err != nil {
		return Added{}, err
	}
	return f.show(x, s.Account, seed, in.Client)
}

// show returns what the owner of an app needs to read a seed into it.
func (f adder) show(x authcore.Factor, a authcore.Account, seed []byte, c authcore.Client) (Added, error) {
	added := Added{Factor: x, Seed: seedText(seed), URL: otpauthURL(f.issuer(c), nameOf(a), seed)}
	var err error
	added.QR, err = qrSVG(added.URL)
	return added, err
}

// issuer is what apps show beside a code.
func (f adder) issuer(c authcore.Client) string {
	if f.cfg.Brand != "" {
		return f.cfg.Brand
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" {
		return "Gatehouse"
	}
	return u.Hostname()
}

// nameOf is what an app calls the account.
func nameOf(a authcore.Account) string {
	for _, name := range []string{a.VerifiedEmail(), a.Username, a.Email, a.Phone} {
		if name != "" {
			return name
		}
	}
	return a.ID.String()
}

// addSent adds a mailbox or number, and sends it a code.
func (f adder) addSent(ctx context.Context, s State, in AddInput) (Added, error) {
	address, err := f.address(s.Account, in)
	if err != nil {
		return Added{}, err
	}
	for _, y := range s.Factors {
		if y.Type == in.Type && y.Address == address && y.Confirmed() {
			return Added{}, authcore.RefuseField(fieldOf(in.Type), authcore.FactorExists)
		}
	}
	x, c, err := f.newFactor(s, in)
	if err != nil {
		return Added{}, err
	}
	for _, y := range s.Factors {
		if y.Type == in.Type && y.Address == address { // it waits: asked for again
			x.ID = y.ID
		}
	}
	x.Address = address
	c.Add = []authcore.Factor{x}
	save := func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error {
		c.Issue, c.Effects = &ch, fx
		return f.cfg.Store.ChangeFactors(ctx, c)
	}
	// One budget of wrong codes for all that the account tries to add of a type: nobody buys guesses by asking again (O03).
	sent := sending{purpose: authcore.PurposeConfirmFactor, subject: confirmSubject(x), pause: x.ID.String(), save: save}
	life, err := f.send(ctx, sent, s.Account, x, in.Client)
	return Added{Factor: x, ExpiresIn: life}, err
}

func confirmSubject(x authcore.Factor) string {
	return string(x.Type) + " " + identifier.AccountKey(x.AccountID)
}

func fieldOf(t authcore.FactorType) string {
	if t == authcore.FactorSMS {
		return "phone"
	}
	return "email"
}

// address returns the address or number of the factor, normalised.
func (f adder) address(a authcore.Account, in AddInput) (string, error) {
	if in.Type == authcore.FactorSMS {
		if in.Phone == "" && a.PhoneVerified() {
			return a.Phone, nil
		}
		number, err := f.cfg.Numbers.Read(in.Phone)
		if err == nil && !f.cfg.Numbers.Reaches(number) {
			err = authcore.FieldError{Rule: authcore.PhoneNotTaken}
		}
		if err != nil {
			return "", refuseFound("phone", err)
		}
		return number, nil
	}
	if in.Email == "" && a.EmailVerified() {
		return a.Email, nil
	}
	address, err := identifier.NewEmail(in.Email)
	if err == nil && f.cfg.CanReach != nil && !f.cfg.CanReach(address) {
		err = authcore.FieldError{Rule: authcore.EmailNotPortable}
	}
	if err != nil {
		return "", refuseFound("email", err)
	}
	return address, nil
}

// addRecovery makes a new set of recovery codes; the former is dead from then on.
func (f adder) addRecovery(ctx context.Context, s State, in AddInput) (Added, error) {
	c := Change{Was: s, Now: f.now()}
	added := f.makeCodes(s, in.Name, &c)
	undo, err := f.undo(s, c.Remove, true)
	if err != nil {
		return Added{}, err
	}
	event := audit.Event(authcore.EventRecoveryCodesMade, s.Account.ID, in.Client, c.Now)
	c.Effects.Events = append(c.Effects.Events, event)
	err = f.cfg.Notices.Security(ctx, &c.Effects, notice.Notice{
		Kind: authcore.MailRecoveryCodesMade, Event: event, Account: s.Account, Undo: undo, Client: in.Client,
	})
	if err != nil {
		return Added{}, err
	}
	return added, f.cfg.Store.ChangeFactors(ctx, c)
}

// makeCodes adds a set of recovery codes to a change, in place of the one that there is.
func (f adder) makeCodes(s State, name string, c *Change) Added {
	for _, y := range s.Factors {
		if y.Type == authcore.FactorRecovery {
			c.Remove = append(c.Remove, y.ID)
		}
	}
	x := authcore.Factor{ID: uuid.Must(uuid.NewV7()), AccountID: s.Account.ID, Type: authcore.FactorRecovery, Name: name,
		CreatedAt: c.Now, ConfirmedAt: c.Now, Left: recoveryCodes}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		codes[i] = newRecoveryCode()
		c.Codes = append(c.Codes, f.recoveryDigest(s.Account.ID, codes[i]))
	}
	c.Add = append(c.Add, x)
	return Added{Factor: x, Codes: codes}
}

// hasType reports whether there is a confirmed factor of a type.
func hasType(all []authcore.Factor, t authcore.FactorType) bool {
	return slices.ContainsFunc(all, func(x authcore.Factor) bool { return x.Type == t && x.Confirmed() })
}
