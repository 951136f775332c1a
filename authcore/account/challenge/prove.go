package challenge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Credentials is what somebody shows: the token of a link, or a code for a subject.
type Credentials struct {
	Token   string
	Subject string
	Code    string
	Binding string // that they keep who asked; beside a code
}

// Prove returns the live challenge that p proves. It consumes nothing: what a verified challenge allows is done by the store
// method that also consumes it, so that of several presenters exactly one wins. Refusals: [authcore.InvalidCode], also for
// one that has expired, was used or is of another purpose; of codes [authcore.TooManyAttempts]. A wrong code costs an attempt,
// and is counted likewise where nothing was ever sent, so that guessing does not tell whether something was. A right one that was used
// or has expired is refused as [authcore.ErrSpentCode] and not counted: its owner sent it twice. The link
// outlives the attempts: anybody can spend them.
func (d *Issuer) Prove(ctx context.Context, p authcore.Purpose, shown Credentials) (authcore.Challenge, error) {
	if shown.Token != "" {
		return d.proveToken(ctx, p, shown.Token)
	}
	var binding secret.Digest
	if shown.Binding != "" {
		binding = secret.SumString(shown.Binding)
	}
	ch, err := d.cfg.Store.ProveCode(ctx, p, shown.Subject, d.digest(p, shown.Subject, PlainCode(shown.Code)), binding, d.now())
	if errors.Is(err, authcore.ErrSpentCode) {
		return authcore.Challenge{}, errInvalid().Because(authcore.ErrSpentCode)
	}
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.Challenge{}, d.countMiss(ctx, p, shown.Subject)
	}
	if err == nil && !d.codeEnd(ch).After(d.now()) {
		return authcore.Challenge{}, errInvalid() // the link lives on
	}
	return ch, refusal(p, err)
}

// PlainCode is a code without what people add when they copy it ("123 456", "123-456"), cut to what is worth a look.
func PlainCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' || r == '\u00a0' || r == '\t' {
			return -1
		}
		return r
	}, code[:min(len(code), secret.MaxToken)])
}

func (d *Issuer) proveToken(ctx context.Context, p authcore.Purpose, token string) (authcore.Challenge, error) {
	if len(token) > secret.MaxToken {
		return authcore.Challenge{}, errInvalid()
	}
	ch, err := d.cfg.Store.ProveToken(ctx, p, secret.SumString(token), d.now())
	return ch, refusal(p, err)
}

func (d *Issuer) countMiss(ctx context.Context, p authcore.Purpose, subject string) error {
	took, err := d.cfg.Limiter.Take(ctx, authcore.Limit{Name: authcore.LimitCode, Key: string(p) + " " + subject})
	switch {
	case err != nil:
		return fmt.Errorf("count code attempt: %w", err)
	case took.Wait > 0:
		return errExhausted(p)
	}
	return errInvalid()
}

// refusal turns the store's outcomes into what a client may see.
func refusal(p authcore.Purpose, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound), errors.Is(err, authcore.ErrWrongCode):
		return errInvalid()
	case errors.Is(err, authcore.ErrNoAttempts):
		return errExhausted(p)
	}
	return fmt.Errorf("prove challenge: %w", err)
}

// Refuse returns the refusal of a code or link that proves nothing, for callers that learn it after Prove.
func Refuse() error { return errInvalid() }

func errInvalid() *authcore.Error {
	return authcore.Refuse(authcore.InvalidCode, "The code or link is wrong, has expired, or has been used already. Ask for a new one.")
}

// errExhausted names the whole window in every case: the true rest differs between a subject with a challenge and one
// without, which would tell them apart.
func errExhausted(p authcore.Purpose) error {
	detail := "Too many wrong codes. Use the link in the mail, or try again later with a new code."
	if purposes[p].Path == "" {
		detail = "Too many wrong codes. Try again later with a new code, or use another way."
	}
	return authcore.RefuseFor(authcore.TooManyAttempts, detail, budgetWindow)
}

// codeEnd is until when the code of a challenge is good.
func (d *Issuer) codeEnd(ch authcore.Challenge) time.Time {
	switch {
	case !ch.CodeExpiresAt.IsZero():
		return ch.CodeExpiresAt
	case d.linkLifetime(ch.Purpose) > d.Lifetime(): // of a node of the release before
		return ch.CreatedAt.Add(d.Lifetime())
	}
	return ch.ExpiresAt
}
