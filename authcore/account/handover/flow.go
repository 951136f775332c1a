package handover

import (
	"context"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/session"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// prefix marks codes, so that scanners of leaked secrets can know them.
const prefix = "ghh_"

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Challenges *challenge.Issuer
	Sessions   *session.Sessions
	Key        func() secret.MACKey // for the checksum of codes; the same on every node
	Trace      authcore.Trace       // of StepIssue and StepRedeem; nil is nobody
	Now        authcore.Clock
}

// The steps of a hand-over, as they are told to whoever watches.
const (
	StepIssue  = "issue hand-over"
	StepRedeem = "redeem hand-over"
)

// Store is what hand-overs keep.
type Store interface {
	// IssueChallenge: ch becomes the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// OpenChild consumes the challenge and opens a child session, for exactly one of the callers that
	// present it. authcore.ErrNotFound, and then nothing is consumed, where the challenge is not live or not of what b says.
	OpenChild(ctx context.Context, b authcore.ChildSession) (authcore.Session, authcore.Account, error)
}

// Flow hands browsers over. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Sessions == nil || cfg.Key == nil || cfg.Now == nil {
		return nil, errors.New("handover: store, challenges, sessions, key and clock are required")
	}
	if cfg.Trace == nil {
		cfg.Trace = authcore.NoTrace
	}
	return &Flow{cfg: cfg}, nil
}

// NewVerifier returns what the asking host gives its browser to keep: 43 characters, of the form of a challenge.
func NewVerifier() string { return secret.Token() }

// Challenge is what the issuer of a code sees of a verifier: RFC 7636 §4.2, S256.
func Challenge(verifier string) string {
	sum := secret.SumString(verifier)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// IsChallenge reports whether text can be a challenge.
func IsChallenge(text string) bool {
	sum, err := base64.RawURLEncoding.Strict().DecodeString(text)
	// The decoder skips line breaks.
	return err == nil && len(sum) == len(secret.Digest{}) && len(text) == base64.RawURLEncoding.EncodedLen(len(sum))
}

// AskInput is who asks for a hand-over: the origin, as browsers write origins, and the challenge of its browser.
type AskInput struct{ Origin, Challenge string }

// Ask returns the words by which the host of an origin asks the issuer for a code. Only a host that redeems codes says them:
// they carry a MAC over who asks, under the key that all nodes share, so that whoever makes up a challenge for a host whose
// guard could not redeem the code gets none. For how long they are good does not matter, for the verifier's life does.
func (f *Flow) Ask(by AskInput) string { return by.Challenge + "." + f.proof(by) }

// ReadAsk reads what Ask wrote for the origin. ok is false for whatever no host of this house has asked.
func (f *Flow) ReadAsk(origin, words string) (by AskInput, ok bool) {
	challenge, proof, _ := strings.Cut(words, ".")
	by = AskInput{Origin: origin, Challenge: challenge}
	if origin == "" || !IsChallenge(challenge) {
		return AskInput{}, false
	}
	return by, hmac.Equal([]byte(proof), []byte(f.proof(by)))
}

func (f *Flow) proof(by AskInput) string {
	sum := f.cfg.Key().Derive("ask").MAC([]byte(by.Origin), []byte(by.Challenge))
	return base64.RawURLEncoding.EncodeToString(sum[:proofBytes])
}

// proofBytes is how much of the MAC is sent: 128 bits.
const proofBytes = 16

// Issue returns a code that hands the principal's session over to the origin that has asked for it by words of [Flow.Ask]'s.
// A code that the same browser was given before for the same origin is dead then; those of its other tabs, which have
// challenges of their own, are not. Refusal: [authcore.InvalidRequest], for words that nobody here has said, and for a
// principal of a child session: the service at its host would get from host to host (S04).
func (f *Flow) Issue(ctx context.Context, p *authcore.Principal, origin, words string) (code string, err error) {
	ctx, done := f.cfg.Trace(ctx, StepIssue)
	defer func() { done(err) }()
	to, ok := f.ReadAsk(origin, words)
	if !ok || p.Origin != "" {
		return "", authcore.Refuse(authcore.InvalidRequest, "The hand-over request is malformed.")
	}
	ch, err := f.cfg.Challenges.New(authcore.PurposeHandover, p.Session+" "+to.Origin+" "+to.Challenge, p.AccountID)
	if err != nil {
		return "", fmt.Errorf("issue hand-over: %w", err)
	}
	code = f.cfg.Key().IssueToken(prefix, ch.ID)
	ch.TokenDigest, ch.CodeDigest = secret.SumString(code), bound(to)
	if err := f.cfg.Store.IssueChallenge(ctx, ch, authcore.Effects{}); err != nil {
		return "", fmt.Errorf("issue hand-over: %w", err)
	}
	return code, nil
}

// bound is the digest of what a code is good for. An origin holds no blank.
func bound(to AskInput) secret.Digest { return secret.SumString(to.Origin + " " + to.Challenge) }

// RedeemInput is what a browser brings: the code from its address, the verifier from its cookie; and the origin it brings them to.
type RedeemInput struct {
	Code, Verifier, Origin string
	Account                uuid.UUID // whose session the browser has there already, which no other account's takes the place of; zero for none
}

// Redeem opens the child session. Refusal: [authcore.InvalidCode], for every code that is not good here and now. One that comes to
// its own origin from another browser is spent by that; at another origin it is not.
func (f *Flow) Redeem(ctx context.Context, shown RedeemInput, c authcore.Client) (tokens session.Tokens, err error) {
	ctx, done := f.cfg.Trace(ctx, StepRedeem)
	defer func() { done(err) }()
	id, ok := f.cfg.Key().ParseToken(prefix, shown.Code)
	// Junk costs no query. And whoever has a code made for the challenge of no verifier at all, or of one that can be
	// guessed, must not get a browser in that keeps none.
	// A child session that is of no host would be good at every one.
	if !ok || !IsChallenge(shown.Verifier) || strings.Contains(shown.Origin, " ") || c.Origin == "" {
		return session.Tokens{}, errInvalid()
	}
	child, refresh, err := f.cfg.Sessions.Prepare(authcore.Account{}, session.Request{Mode: authcore.ModeCookie, Client: c})
	if err != nil {
		return session.Tokens{}, err
	}
	child.Origin = c.Origin
	opened, account, err := f.cfg.Store.OpenChild(ctx, authcore.ChildSession{
		ChallengeID: uuid.UUID(id), Token: secret.SumString(shown.Code),
		Bound: bound(AskInput{Origin: shown.Origin, Challenge: Challenge(shown.Verifier)}), Origin: shown.Origin, Session: child, Now: child.CreatedAt,
		Opened: audit.Event(authcore.EventHandedOver, uuid.Nil, c, child.CreatedAt),
	})
	if errors.Is(err, authcore.ErrNotFound) {
		return session.Tokens{}, errInvalid()
	}
	if err != nil {
		return session.Tokens{}, fmt.Errorf("redeem hand-over: %w", err)
	}
	if shown.Account != uuid.Nil && shown.Account != account.ID {
		if err := f.cfg.Sessions.EndByRefresh(ctx, refresh, c); err != nil {
			return session.Tokens{}, err
		}
		return session.Tokens{}, errInvalid()
	}
	return f.cfg.Sessions.Grant(account, opened, refresh, c)
}

func errInvalid() error {
	return authcore.Refuse(authcore.InvalidCode,
		"This sign-in was started in another browser, has been used already, or took too long. Open the page you wanted again.")
}
