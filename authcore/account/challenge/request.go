package challenge

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Request is a wish for a code and link, by whoever it may be.
type Request struct {
	Purpose authcore.Purpose
	Subject string // of the challenge
	Counted string // whose mails are counted: an address, or what stands for one that nobody has
	Known   *Known // nil: nobody gets a code
	Events  []authcore.Event
	Client  authcore.Client
	// Save stores challenge, events and mail in one transaction.
	Save func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
}

// Known is who gets the mail of a Request.
type Known struct {
	Account uuid.UUID // uuid.Nil where there is none yet
	To      Recipient
	Instead authcore.MailKind // a mail without a code, in place of that of the purpose; the challenge cannot be redeemed then
}

// Request counts the mail, makes it and its challenge, and has both saved. For a Request without a Known it does the same work:
// the challenge is one that nobody can redeem, the mail is to nobody and never sent. So neither answer, nor time, nor how later
// guesses are answered tells whether somebody is known (L01, L02).
//
// wait is zero when it was saved. Otherwise nothing was: it is the time until the limits allow a mail, and mails tells whether the
// hourly number is what refuses. A mail that could not be saved is not counted.
func (d *Issuer) Request(ctx context.Context, r Request) (wait time.Duration, mails bool, err error) {
	if wait, mails, err = d.reserveSend(ctx, r.Purpose, r.Counted); err != nil || wait > 0 {
		return wait, mails, err
	}
	ch, mail, err := d.prepare(r)
	if err != nil {
		return 0, false, err
	}
	if err := r.Save(ctx, ch, authcore.Effects{Events: r.Events, Mails: []authcore.Mail{mail}}); err != nil {
		d.releaseSend(ctx, r.Purpose, r.Counted)
		return 0, false, fmt.Errorf("save challenge: %w", err)
	}
	return 0, false, nil
}

func (d *Issuer) prepare(r Request) (authcore.Challenge, authcore.Mail, error) {
	switch {
	case r.Known == nil:
		_, mail, err := d.issue(r.Purpose, r.Subject, uuid.Nil, Recipient{Address: nobody}, r.Client)
		mail.Dummy = true
		return d.Unredeemable(r.Purpose, r.Subject), mail, err
	case r.Known.Instead != "":
		mail, err := d.Notification(r.Known.Instead, r.Known.To, r.Client)
		return d.Unredeemable(r.Purpose, r.Subject), mail, err
	}
	return d.issue(r.Purpose, r.Subject, r.Known.Account, r.Known.To, r.Client)
}
