package handover

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/history"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/session"
)

// prefix marks codes, so that scanners of leaked secrets can know them.
const prefix = "ghh_"

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Challenges *challenge.Desk
	Sessions   *session.Sessions
	Key        func() secret.MACKey // for the checksum of codes; the same on every node
	Now        authcore.Clock
}

// Store is what hand-overs keep.
type Store interface {
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	OpenBranch(ctx context.Context, b authcore.Branching) (authcore.Session, authcore.Account, error)
}

// Flow hands browsers over. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Sessions == nil || cfg.Key == nil || cfg.Now == nil {
		return nil, errors.New("handover: store, challenges, sessions, key and clock are required")
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

// Asked is who asks for a hand-over: the origin, as browsers write origins, and the challenge of its browser.
type Asked struct{ Origin, Challenge string }

// Issue returns a code that hands the principal's session over. A code that the same browser was given before for the
// same origin is dead then; those of its other tabs, which have challenges of their own, are not.
func (f *Flow) Issue(ctx context.Context, p *authcore.Principal, to Asked) (code string, err error) {
	if !IsChallenge(to.Challenge) || to.Origin == "" {
		return "", authcore.Refuse(authcore.InvalidRequest, "The hand-over that was asked for is not well-formed.")
	}
	ch, err := f.cfg.Challenges.Blank(authcore.PurposeHandover, p.Session+" "+to.Origin+" "+to.Challenge, p.AccountID)
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
func bound(to Asked) secret.Digest { return secret.SumString(to.Origin + " " + to.Challenge) }

// Shown is what a browser brings: the code from its address, the verifier from its cookie; and the origin it brings them to.
type Shown struct{ Code, Verifier, Origin string }

// Redeem opens the branch. Refusal: [authcore.InvalidCode], for every code that is not good here and now. One that comes to
// its own origin from another browser is spent by that; at another origin it is not.
func (f *Flow) Redeem(ctx context.Context, shown Shown, c authcore.Client) (session.Tokens, error) {
	id, ok := f.cfg.Key().ParseToken(prefix, shown.Code)
	// Junk costs no query. And whoever has a code made for the challenge of no verifier at all, or of one that can be
	// guessed, must not get a browser in that keeps none.
	if !ok || !IsChallenge(shown.Verifier) || strings.Contains(shown.Origin, " ") {
		return session.Tokens{}, errInvalid()
	}
	branch, refresh := f.cfg.Sessions.Prepare(authcore.Account{}, session.Request{Mode: authcore.ModeCookie, Client: c})
	branch.Host = shown.Origin
	opened, account, err := f.cfg.Store.OpenBranch(ctx, authcore.Branching{
		ChallengeID: uuid.UUID(id), Token: secret.SumString(shown.Code),
		Bound: bound(Asked{Origin: shown.Origin, Challenge: Challenge(shown.Verifier)}), Origin: shown.Origin, Session: branch, Now: branch.CreatedAt,
		Opened: history.Event(authcore.EventHandedOver, uuid.Nil, c, branch.CreatedAt),
	})
	if errors.Is(err, authcore.ErrNotFound) {
		return session.Tokens{}, errInvalid()
	}
	if err != nil {
		return session.Tokens{}, fmt.Errorf("redeem hand-over: %w", err)
	}
	return f.cfg.Sessions.Grant(account, opened, refresh, c)
}

func errInvalid() error {
	return authcore.Refuse(authcore.InvalidCode,
		"This sign-in was not begun in this browser, was used already, or took too long. Open the page that you wanted again.")
}
