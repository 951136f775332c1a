package notify

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"strings"
	"unicode"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Trial is what became of a test mail or SMS. It holds no secret.
type Trial struct {
	Address  string `json:"address"`
	Accepted bool   `json:"accepted"`
	// Answer is the mail server's or provider's reply, or the path of the file, of what was accepted; else what went wrong.
	Answer string      `json:"answer"`
	Reason TrialReason `json:"reason,omitempty"` // why the mail was not accepted
}

// TrialReason is a kind of failure.
type TrialReason string

// The kinds.
const (
	TrialRefused     TrialReason = "refused"     // for good: the recipient or the content
	TrialDeferred    TrialReason = "deferred"    // a 4xx reply: the server asks for another try later
	TrialUnreachable TrialReason = "unreachable" // nothing answers as a mail server
	TrialTLS         TrialReason = "tls"
	TrialSignIn      TrialReason = "sign_in" // user and password
	TrialFailed      TrialReason = "failed"  // anything else
)

// maxAnswer is how many runes of a mail server's answer are shown.
const maxAnswer = 1000

// Test sends one mail to an address through the sender, at once and once: it never waits in the outbox. It returns within
// the time for one letter (see Config). The error is for an address that is not plain.
func (n *Notifier) Test(ctx context.Context, address string) (Trial, error) {
	letter, err := n.render(authcore.Message{Kind: authcore.MailTest, To: address})
	if err != nil {
		return Trial{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Trial{}, err
	}
	n.identify(&letter, id)
	ctx, cancel := context.WithTimeout(ctx, n.mail.timeout)
	defer cancel()
	receipt, err := n.hand(ctx, letter)
	n.rest()
	if err != nil {
		return Trial{Address: address, Answer: shown(textOf(err)), Reason: reasonOf(err)}, nil
	}
	return Trial{Address: address, Accepted: true, Answer: shown(receipt)}, nil
}

// TestSMS sends one SMS to an E.164 number through the sender, at once and once, as [Notifier.Test] sends a mail. The error is for a number
// that is none, and [authcore.NotFound] where no SMS are sent.
func (n *Notifier) TestSMS(ctx context.Context, number string) (Trial, error) {
	if n.texts == nil {
		return Trial{}, authcore.Refuse(authcore.NotFound, "No SMS are sent: set the option sms.")
	}
	s, err := n.renderSMS(authcore.Message{Kind: authcore.MailTest, Channel: authcore.BySMS, To: number})
	if err != nil {
		return Trial{}, err
	}
	if s.ID, err = uuid.NewV7(); err != nil {
		return Trial{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.sms.timeout)
	defer cancel()
	receipt, err := n.texts.Send(ctx, s)
	if err != nil {
		return Trial{Address: number, Answer: shown(textOf(err)), Reason: reasonOf(err)}, nil
	}
	return Trial{Address: number, Accepted: true, Answer: shown(receipt)}, nil
}

// hand gives a letter to the sender, and returns what that tells of it.
func (n *Notifier) hand(ctx context.Context, l Letter) (receipt string, err error) {
	n.using.RLock()
	defer n.using.RUnlock()
	if r, ok := n.sender.(Receipter); ok {
		return r.Deliver(ctx, l)
	}
	return "", n.sender.Send(ctx, l)
}

func reasonOf(err error) TrialReason {
	var failed *stageError
	var reply *textproto.Error
	switch {
	case errors.As(err, &failed):
		return failed.stage.reason
	case errors.Is(err, ErrRefused):
		return TrialRefused
	case errors.As(err, &reply) && reply.Code/100 == 4:
		return TrialDeferred
	case errors.As(err, &reply):
		return TrialRefused
	}
	return TrialFailed
}

// textOf is the error's text with the server's reply as it came.
func textOf(err error) string {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return strings.Replace(err.Error(), reply.Error(), fmt.Sprintf("%03d %s", reply.Code, reply.Msg), 1)
	}
	return err.Error()
}

// shown returns text of a mail server as one bounded line without anything that a terminal obeys.
func shown(s string) string {
	line := []rune(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s))
	return string(line[:min(len(line), maxAnswer)])
}

// stage is a part of the conversation with a mail server that comes before the letter.
type stage struct {
	doing  string
	reason TrialReason
}

var (
	connecting  = stage{"connecting", TrialUnreachable}
	greeting    = stage{"greeting", TrialUnreachable}
	negotiating = stage{"negotiating TLS", TrialTLS}
	signingIn   = stage{"signing in", TrialSignIn}
)

type stageError struct {
	stage stage
	err   error
}

func at(s stage, err error) error   { return &stageError{s, err} }
func (e *stageError) Error() string { return fmt.Sprintf("%s: %v", e.stage.doing, e.err) }
func (e *stageError) Unwrap() error { return e.err }
