package challenge

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// Request is a wish for a code and link, by whoever it may be.
type Request struct {
	Purpose authcore.Purpose
	Subject string // of the challenge
	Counted string // whose mails or SMS are counted: an address or number, or what stands for one that nobody has
	// Pause is whose next code waits a while; "": that of Counted. A code that is good for one sign-in alone must not keep another
	// sign-in from getting its own.
	Pause string
	// Channel is how who asks gets the code, if anybody does; "" is authcore.ByEmail. It is the same for known and unknown.
	Channel authcore.Channel
	Known   *Known // nil: nobody gets a code
	// Binding is what the browser or app keeps that asks; "" for nothing. Only purposes have a use for it whose flows ask for it.
	Binding   string
	CodeAlone bool // the mail has no link
	// Return is where the page leads that the link opens; "" for nowhere in particular. The page checks it.
	Return string
	// Invitation that somebody without an account asks with; zero for none.
	Invitation uuid.UUID
	Events     []authcore.Event
	Client     authcore.Client
	// Save stores challenge, events and mail in one transaction.
	Save func(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
}

// Known is who gets the mail or SMS of a Request. Where it goes by SMS and Channel is ByEmail, since a username was asked for, the
// limits on SMS count as well; what they refuse then is not sent, and nobody is told.
type Known struct {
	Account  uuid.UUID // uuid.Nil where there is none yet
	Username string    // of the account, for rules on what is sent; "" for none
	To       Recipient
	Instead  authcore.MailKind // a mail without a code, in place of that of the purpose; the challenge cannot be redeemed then
}

// Request counts the mail or SMS, makes it and its challenge, and has both saved. For a Request without a Known, and for a number that
// nothing may be sent to, it does the same work: the challenge is one that nobody can redeem, the mail is to nobody and never sent.
// So neither answer, nor time, nor how later guesses are answered tells whether somebody is known (L01, L02).
//
// wait is zero when it was saved. Otherwise nothing was: it is the time until the limits allow one, and spent tells whether the
// limits on what is sent are what refuses. What could not be saved is not counted. An SMS is refused with [authcore.ErrUnavailable]
// where its limits cannot be counted.
func (d *Issuer) Request(ctx context.Context, r Request) (wait time.Duration, spent bool, err error) {
	r.Channel = cmp.Or(r.Channel, authcore.ByEmail)
	r.Known = d.reached(r.Known, r.Client)
	counted := send{purpose: r.Purpose, by: r.Channel, counted: r.Counted, pause: r.Pause, client: r.Client, real: r.Known != nil,
		newcomer: r.Purpose == authcore.PurposeSignIn && r.Known != nil && r.Known.Account == uuid.Nil}
	if wait, spent, err = d.reserveSend(ctx, counted); err != nil || wait > 0 {
		return wait, spent, err
	}
	if r.Channel == authcore.ByEmail && r.Known != nil && r.Known.To.Channel == authcore.BySMS {
		took, err := d.cfg.Limiter.Take(ctx, d.limits(send{purpose: r.Purpose, by: authcore.BySMS, counted: r.Known.To.Address, client: r.Client})...)
		if err != nil {
			return 0, false, wrapLimit(err)
		}
		if took.Wait > 0 {
			r.Known = nil
		}
	}
	ch, mail, err := d.prepare(r)
	if err != nil {
		return 0, false, err
	}
	if err := r.Save(ctx, ch, authcore.Effects{Events: r.Events, Mails: []authcore.Mail{mail}}); err != nil {
		d.releaseSend(ctx, counted)
		return 0, false, fmt.Errorf("save challenge: %w", err)
	}
	if r.Known != nil && r.Known.Instead == "" {
		d.cfg.Sent(cmp.Or(r.Known.To.Channel, authcore.ByEmail), r.Purpose)
	}
	return 0, false, nil
}

// Spent returns the refusal of a [Issuer.Request] whose limits are spent, where whoever asks may learn that.
func Spent(wait time.Duration) error {
	return authcore.RefuseFor(authcore.RateLimited, "Too many messages were requested for this recipient. Try again later.", wait)
}

// reached returns who gets something: nobody does at a number that nothing may be sent to (O19), or whom a rule keeps it from.
func (d *Issuer) reached(known *Known, c authcore.Client) *Known {
	if known == nil {
		return nil
	}
	to := known.To
	if to.Channel == authcore.BySMS && (d.cfg.Reaches == nil || !d.cfg.Reaches(to.Address)) {
		return nil
	}
	about := block.Subject{Email: to.Address, Username: known.Username, Account: known.Account, Client: c}
	if to.Channel == authcore.BySMS {
		about.Email, about.Phone = "", to.Address
	}
	if !d.cfg.MaySend(about) {
		return nil
	}
	return known
}

func (d *Issuer) prepare(r Request) (authcore.Challenge, authcore.Mail, error) {
	switch {
	case r.Known == nil:
		_, mail, err := d.issue(r, uuid.Nil, Recipient{Channel: r.Channel, Address: nobody[r.Channel]})
		mail.Dummy = true
		ch := d.Unredeemable(r.Purpose, r.Subject)
		d.bind(&ch, r.Binding)
		return ch, mail, err
	case r.Known.Instead != "":
		mail, err := d.Notification(r.Known.Instead, r.Known.To, r.Client)
		return d.Unredeemable(r.Purpose, r.Subject), mail, err
	}
	return d.issue(r, r.Known.Account, r.Known.To)
}
