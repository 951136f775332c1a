package secondstep

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// verify tries a factor. Wrong codes count over all sign-ins of the account: whoever has the password can begin as many as they like, and
// would guess a code of six digits in time (O02). Recovery codes and keys cannot be guessed: they go on working, so that whoever has the
// password cannot shut the owner out.
//
// others are what the same code may be besides: it is one guess.
func (f *Flow) verify(ctx context.Context, a authcore.Account, g factor.Given, others ...factor.Given) (factor.Proved, error) {
	if !guessable(g.Type) {
		return f.cfg.Factors.Verify(ctx, a, g)
	}
	// The epoch is part of the name: whoever changes the password has cleared the count by it.
	try, wait, err := f.cfg.Codes.Begin(ctx, "codes:"+a.ID.String()+":"+strconv.FormatInt(a.Epoch, 10))
	switch {
	case errors.Is(err, attempt.ErrFull):
		return factor.Proved{}, errTooMany(time.Second)
	case err != nil:
		return factor.Proved{}, fmt.Errorf("count codes: %w", err)
	case try == nil:
		return factor.Proved{}, errTooMany(wait)
	}
	proved, err := f.cfg.Factors.Verify(ctx, a, g)
	guessed := authcore.Guessed(err)
	for i := 0; i < len(others) && isRefusal(err); i++ {
		proved, err = f.cfg.Factors.Verify(ctx, a, others[i])
		guessed = guessed || authcore.Guessed(err)
	}
	if err == nil || !guessed {
		// A right code does not clear the count: else the owner's own sign-ins would buy a thief new guesses.
		try.Cancel()
		return proved, err
	}
	if try.Failed(context.WithoutCancel(ctx)) {
		if told := f.tellOfGuesses(context.WithoutCancel(ctx), a, g.Client); told != nil {
			return factor.Proved{}, told
		}
	}
	return factor.Proved{}, err
}

// isRefusal reports whether a code is none of what it was looked at as.
func isRefusal(err error) bool {
	code := authcore.CodeOf(err)
	return code == authcore.InvalidCode || code == authcore.TooManyAttempts
}

func guessable(t authcore.FactorType) bool {
	return t == authcore.FactorEmail || t == authcore.FactorSMS || t == authcore.FactorTOTP
}

// tellOfGuesses tells the owner, once, that somebody knows the password and guesses codes.
func (f *Flow) tellOfGuesses(ctx context.Context, a authcore.Account, c authcore.Client) error {
	event := audit.Failure(authcore.EventFactorFailed, a.ID, c, authcore.TooManyAttempts, f.now())
	fx := authcore.Effects{Events: []authcore.Event{event}}
	err := f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailCodesGuessed, Event: event, Account: a, Client: c})
	if err != nil {
		return fmt.Errorf("tell of guessed codes: %w", err)
	}
	if err := f.cfg.Store.Record(ctx, fx); err != nil {
		return fmt.Errorf("tell of guessed codes: %w", err)
	}
	return nil
}

func errTooMany(wait time.Duration) error {
	return authcore.RefuseFor(authcore.TooManyAttempts,
		"Too many wrong codes. Use a passkey, a security key or a recovery code, or try again later.", max(wait, time.Second))
}
