package factor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/webauthn"
)

// CredentialStore is what passkeys and security keys need of the store.
type CredentialStore interface {
	// TakeChallenge spends the live challenge of a token: of several callers with one exactly one gets it. ErrNotFound.
	TakeChallenge(ctx context.Context, p authcore.Purpose, token secret.Digest, now time.Time) (authcore.Challenge, error)
	// FactorByCredential returns the confirmed factor of a credential, and its account. ErrNotFound.
	FactorByCredential(ctx context.Context, credential []byte) (authcore.Factor, authcore.Account, error)
	// UseCredential takes a use of a confirmed factor and its counter: of several callers with one counter that is not 0 exactly one
	// succeeds. ErrNotFound: the factor is gone, or the counter does not rise.
	UseCredential(ctx context.Context, u Use, signCount uint32) error
}

// kindOf is what a type demands of an authenticator; false for types that are none of WebAuthn.
func kindOf(t authcore.FactorType) (webauthn.Kind, bool) {
	switch t {
	case authcore.FactorPasskey:
		return webauthn.Passkey, true
	case authcore.FactorSecurityKey:
		return webauthn.SecurityKey, true
	}
	return 0, false
}

func credentialOf(x authcore.Factor) webauthn.Credential {
	return webauthn.Credential{ID: x.CredentialID, Record: x.Credential, SignCount: x.SignCount}
}

// Handle is the user handle of an account's credentials: its id, which tells nobody who it is.
func Handle(account uuid.UUID) []byte { return account[:] }

func userOf(a authcore.Account) webauthn.User {
	return webauthn.User{Handle: Handle(a.ID), Name: nameOf(a)}
}

// keys are the factors of WebAuthn.
type keys struct{ *Factors }

// newChallenge makes a challenge. It is the token of its row: what is stored is its digest.
func (f keys) newChallenge(p authcore.Purpose, subject string, account uuid.UUID) (authcore.Challenge, []byte) {
	raw := secret.Random(32)
	ch := f.cfg.Challenges.Unredeemable(p, subject)
	ch.AccountID, ch.TokenDigest, ch.ExpiresAt = account, secret.SumString(webauthn.Text(raw)), ch.CreatedAt.Add(webauthn.Lifetime)
	return ch, raw
}

// add adds a passkey or security key that its owner has to register.
func (f keys) add(ctx context.Context, s State, in AddInput) (Added, error) {
	party, err := f.cfg.Parties.For(in.Client.Issuer)
	if err != nil {
		return Added{}, authcore.RefuseField("type", authcore.FactorTypeNotOffered)
	}
	x, c, err := adder(f).newFactor(s, in)
	if err != nil {
		return Added{}, err
	}
	ch, raw := f.newChallenge(authcore.PurposeRegisterKey, x.ID.String(), s.Account.ID)
	c.Add, c.Issue = []authcore.Factor{x}, &ch
	options, err := f.creation(party, s, x.Type, raw)
	if err != nil {
		return Added{}, err
	}
	return Added{Factor: x, Options: options}, f.cfg.Store.ChangeFactors(ctx, c)
}

func (f keys) creation(party *webauthn.RelyingParty, s State, t authcore.FactorType, challenge []byte) (json.RawMessage, error) {
	kind, _ := kindOf(t)
	var has []webauthn.Credential
	for _, y := range s.Factors {
		if _, ok := kindOf(y.Type); ok && y.Confirmed() {
			has = append(has, credentialOf(y))
		}
	}
	return party.Creation(kind, challenge, userOf(s.Account), has)
}

// show makes new options for a factor that waits: those before are dead.
func (f keys) show(ctx context.Context, s State, x authcore.Factor, c authcore.Client) (Added, error) {
	party, err := f.cfg.Parties.For(c.Issuer)
	if err != nil {
		return Added{}, errNoFactor()
	}
	ch, raw := f.newChallenge(authcore.PurposeRegisterKey, x.ID.String(), s.Account.ID)
	options, err := f.creation(party, s, x.Type, raw)
	if err != nil {
		return Added{}, err
	}
	if err := f.cfg.Store.IssueChallenge(ctx, ch, authcore.Effects{}); err != nil {
		return Added{}, fmt.Errorf("issue challenge: %w", err)
	}
	return Added{Factor: x, Options: options}, nil
}

// registered verifies the registration of a factor. Its challenge is spent, whatever comes of it.
func (f keys) registered(ctx context.Context, s State, x authcore.Factor, in ConfirmInput) (Confirmation, error) {
	kind, _ := kindOf(x.Type)
	party, err := f.cfg.Parties.For(in.Client.Issuer)
	if err != nil {
		return Confirmation{}, errInvalidPasskey(err)
	}
	shown, err := webauthn.ReadRegistration(in.Credential)
	if err != nil {
		return Confirmation{}, errInvalidPasskey(err)
	}
	ch, err := f.take(ctx, authcore.PurposeRegisterKey, shown.Challenge)
	switch {
	case err != nil:
		return Confirmation{}, err
	case ch.Subject != x.ID.String() || ch.AccountID != x.AccountID: // O13
		return Confirmation{}, errInvalidPasskey(nil)
	}
	made, err := party.Register(kind, userOf(s.Account), shown)
	if err != nil {
		return Confirmation{}, refusePasskey(err)
	}
	// A credential is of one account: whoever registers another's in their own name gets nothing (WebAuthn L3 §7.1 step 26).
	_, _, err = f.cfg.Store.FactorByCredential(ctx, made.ID)
	switch {
	case err == nil:
		return Confirmation{}, errInvalidPasskey(nil)
	case !errors.Is(err, authcore.ErrNotFound):
		return Confirmation{}, fmt.Errorf("find credential: %w", err)
	}
	return Confirmation{ID: x.ID, Credential: &made}, nil
}

// take spends a challenge: a response is looked at once, also a wrong one (O20, replay).
func (f keys) take(ctx context.Context, p authcore.Purpose, challenge string) (authcore.Challenge, error) {
	ch, err := f.cfg.Store.TakeChallenge(ctx, p, secret.SumString(challenge), f.now())
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return ch, errInvalidPasskey(nil)
	case err != nil:
		return ch, fmt.Errorf("take challenge: %w", err)
	}
	return ch, nil
}

// keySubject is the subject of the challenge for one type of credential and one pending sign-in or session.
func keySubject(t authcore.FactorType, account uuid.UUID, subject string) string {
	return string(t) + " " + account.String() + " " + subject
}

// Ask returns options (PublicKeyCredentialRequestOptionsJSON) for the account's passkeys, or security keys, that count. subject is the
// pending sign-in or session that they are for; options before for the same are dead. nil where there are none to ask for here.
func (f *Factors) Ask(ctx context.Context, a authcore.Account, t authcore.FactorType, subject string, c authcore.Client) (json.RawMessage, error) {
	kind, ok := kindOf(t)
	party, err := f.cfg.Parties.For(c.Issuer)
	if !ok || err != nil || !f.offers(t) {
		return nil, nil
	}
	all, err := f.Of(ctx, a.ID)
	if err != nil {
		return nil, err
	}
	var allowed []webauthn.Credential
	for _, x := range all {
		if x.Type == t && webauthn.Describe(x.Credential).RPID == party.ID() {
			allowed = append(allowed, credentialOf(x))
		}
	}
	if len(allowed) == 0 {
		return nil, nil
	}
	ch, raw := keys{f}.newChallenge(authcore.PurposeAssertKey, keySubject(t, a.ID, subject), a.ID)
	options, err := party.Request(kind, raw, allowed)
	if err != nil {
		return nil, err
	}
	if err := f.cfg.Store.IssueChallenge(ctx, ch, authcore.Effects{}); err != nil {
		return nil, fmt.Errorf("issue challenge: %w", err)
	}
	return options, nil
}

// verify takes an assertion by any of the account's factors of the type, or by the one that is named.
func (f keys) verify(ctx context.Context, a authcore.Account, g Given) (authcore.Factor, []string, error) {
	if !f.offers(g.Type) {
		return authcore.Factor{}, nil, errInvalidPasskey(nil)
	}
	shown, err := webauthn.ReadAssertion(g.Credential)
	if err != nil {
		return authcore.Factor{}, nil, errInvalidPasskey(err)
	}
	ch, err := f.take(ctx, authcore.PurposeAssertKey, shown.Challenge)
	if err != nil {
		return authcore.Factor{}, nil, err
	}
	if ch.Subject != keySubject(g.Type, a.ID, g.Subject) { // O12, O13
		return authcore.Factor{}, nil, errInvalidPasskey(nil)
	}
	s, err := f.state(ctx, a.ID)
	if err != nil {
		return authcore.Factor{}, nil, err
	}
	counting := f.counting(s.Factors)
	at := slices.IndexFunc(counting, func(x authcore.Factor) bool {
		return x.Type == g.Type && slices.Equal(x.CredentialID, shown.CredentialID) && (g.FactorID == uuid.Nil || g.FactorID == x.ID)
	})
	if at < 0 {
		return authcore.Factor{}, nil, errInvalidPasskey(nil)
	}
	amr, err := f.asserted(ctx, s.Account, counting[at], shown, g)
	return counting[at], amr, err
}

// asserted verifies an assertion by a factor, notes its counter, and returns what it is worth in `amr`.
func (f keys) asserted(ctx context.Context, a authcore.Account, x authcore.Factor, shown webauthn.Assertion, g Given) ([]string, error) {
	kind, _ := kindOf(x.Type)
	party, err := f.cfg.Parties.For(g.Client.Issuer)
	if err != nil {
		return nil, errInvalidPasskey(err)
	}
	proof, err := party.Verify(kind, Handle(a.ID), credentialOf(x), shown)
	if err != nil {
		return nil, refusePasskey(err)
	}
	err = authcore.ErrNotFound
	if webauthn.Rises(x.SignCount, proof.SignCount) {
		err = f.cfg.Store.UseCredential(ctx, prover(f).use(a, x, g), proof.SignCount)
	}
	switch {
	case errors.Is(err, authcore.ErrNotFound):
		return nil, f.cloned(ctx, a, x, g)
	case err != nil:
		return nil, fmt.Errorf("use factor: %w", err)
	}
	return worthOfKey(kind, proof.Synced), nil
}

// cloned tells the owner that there may be a second copy of a key: its signature is right, and its counter was seen before (WebAuthn L3
// §6.1.1). The factor stays: which of the two copies came first is not known, and one that goes on counting is good. A factor that was
// removed meanwhile is told of to nobody.
func (f keys) cloned(ctx context.Context, a authcore.Account, x authcore.Factor, g Given) error {
	s, err := f.state(ctx, a.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(s.Factors, func(y authcore.Factor) bool { return y.ID == x.ID && y.Confirmed() }) {
		return errInvalidPasskey(nil)
	}
	event := audit.Failure(authcore.EventCloneSuspected, a.ID, g.Client, authcore.InvalidPasskey, f.now())
	event.Method = string(x.Type)
	fx := authcore.Effects{Events: []authcore.Event{event}}
	err = f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailCloneSuspected, Event: event, Account: a, Client: g.Client})
	if err != nil {
		return err
	}
	if err := f.cfg.Store.Record(ctx, fx); err != nil {
		return fmt.Errorf("tell of a clone: %w", err)
	}
	return errInvalidPasskey(errors.New("the counter does not rise"))
}

// refusePasskey turns the outcomes of package webauthn into what a client may see.
func refusePasskey(err error) error {
	if errors.Is(err, webauthn.ErrInvalid) {
		return errInvalidPasskey(err)
	}
	return err
}

// WrongPasskey returns the refusal of a passkey that proves nothing, for callers that learn it after [Factors.Identify].
func WrongPasskey() error { return errInvalidPasskey(nil) }

func errInvalidPasskey(cause error) error {
	e := authcore.Refuse(authcore.InvalidPasskey, "This passkey or security key was not accepted. Try again.")
	if cause != nil {
		return e.Because(cause)
	}
	return e
}
