package factor

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// Send sends a code to an email or sms factor of the account, and returns how long it is good. subject is the pending sign-in or session
// that it is for. A factor with a zero ID is the account's verified address or number itself. Asked again for the same subject too
// soon it sends nothing, and the code that is out stays good. Refusals: [authcore.RateLimited] when the address or number has had its
// share; [authcore.Unavailable] for an SMS whose limits cannot be counted.
func (f *Factors) Send(ctx context.Context, a authcore.Account, x authcore.Factor, subject string, c authcore.Client) (time.Duration, error) {
	subject = sentSubject(x.Type, x.ID, subject)
	return f.send(ctx, sending{purpose: authcore.PurposeSecondFactor, counted: sentCounted(a, x), subject: subject, pause: subject, save: f.cfg.Store.IssueChallenge}, a, x, c)
}

// sentCounted is whose mails or SMS a second-factor code counts among. Mails have a count of their own for each account: they go out only
// for whoever has given a first proof, and must not be closed by a stranger who asks for others at the same address. The epoch is part of it:
// whoever changes a stolen password has cleared what the thief has used up.
func sentCounted(a authcore.Account, x authcore.Factor) string {
	if channelOf(x.Type) == authcore.BySMS {
		return x.Address
	}
	return "second factor " + a.ID.String() + ":" + strconv.FormatInt(a.Epoch, 10)
}

// sentSubject is the subject of a challenge: codes for one factor and one pending sign-in or session have one budget.
func sentSubject(t authcore.FactorType, id uuid.UUID, subject string) string {
	return string(t) + " " + id.String() + " " + subject
}

// sending is what a code is sent for.
type sending struct {
	purpose authcore.Purpose
	counted string // whose mails or SMS are counted; "": those of the recipient
	subject string // of the challenge
	pause   string // what the next code for waits a while
	save    func(context.Context, authcore.Challenge, authcore.Effects) error
}

func (f *Factors) send(ctx context.Context, s sending, a authcore.Account, x authcore.Factor, c authcore.Client) (time.Duration, error) {
	by := channelOf(x.Type)
	to := challenge.Recipient{Channel: by, Address: x.Address, Account: a.ID}
	if s.purpose == authcore.PurposeSecondFactor {
		to.Name = a.Name() // it has been shown that they read what is sent there
	}
	wait, exhausted, err := f.cfg.Challenges.Request(ctx, challenge.Request{
		Purpose: s.purpose, Subject: s.subject, Counted: cmp.Or(s.counted, x.Address), Pause: s.pause, Channel: by,
		Known: &challenge.Known{Account: a.ID, Username: a.Username, To: to}, Client: c, Save: s.save,
	})
	switch {
	case err != nil:
		return 0, fmt.Errorf("send code: %w", err)
	case exhausted:
		return 0, challenge.Spent(wait)
	}
	return f.cfg.Challenges.LifetimeBy(by), nil
}

func channelOf(t authcore.FactorType) authcore.Channel {
	if t == authcore.FactorSMS {
		return authcore.BySMS
	}
	return authcore.ByEmail
}
