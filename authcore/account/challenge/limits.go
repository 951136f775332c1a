package challenge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// send is one mail or SMS, as the limits count it.
type send struct {
	purpose  authcore.Purpose
	by       authcore.Channel
	counted  string // whose: an address, a number, or what stands for one that nobody has
	pause    string // whose next one waits a while; "": as counted
	client   authcore.Client
	real     bool // somebody gets it
	newcomer bool // who has no account
}

// resend is the limit on one purpose and recipient in a while.
func (s send) resend() authcore.Limit {
	return authcore.Limit{Name: authcore.LimitResend, Key: string(s.purpose) + " " + cmp.Or(s.pause, s.counted)}
}

// limits are those on what is sent. Whoever sells numbers earns by each SMS that we pay for (SMS pumping, O19): so the number is
// counted, its neighbours, who asks, and all of them together. Half of what all may have is kept for numbers that are known to be
// somebody's who has an account, so that strangers cannot use up the codes of those who sign in.
func (d *Issuer) limits(s send) []authcore.Limit {
	if s.by != authcore.BySMS {
		return []authcore.Limit{{Name: authcore.LimitMail, Key: s.counted}}
	}
	return append([]authcore.Limit{
		{Name: authcore.LimitSMS, Key: s.counted},
		{Name: authcore.LimitSMSPrefix, Key: s.counted[:max(0, len(s.counted)-4)]},
		{Name: authcore.LimitSMSClient, Key: d.cfg.ClientKey(s.client.Addr)},
	}, s.total(everybody)...)
}

// total are the limits on all SMS together.
func (s send) total(of string) []authcore.Limit {
	all := []authcore.Limit{{Name: authcore.LimitSMSTotal, Key: of}}
	switch {
	case purposes[s.purpose].Unproven || s.newcomer:
		all = append(all, authcore.Limit{Name: authcore.LimitSMSUnproven, Key: of})
	case s.purpose == authcore.PurposeSignIn: // the same work as for a newcomer, at the cost of nobody
		all = append(all, authcore.Limit{Name: authcore.LimitSMSUnproven, Key: noOne})
	}
	return all
}

// everybody and no one are keys of limits that count all senders together.
const (
	everybody = "all"
	noOne     = authcore.NobodysKey
)

// reserveSend takes one mail or SMS from the limits, all or none of them: one per purpose and recipient in a while, and those on what
// is sent. It is to be called alike for recipients that get one and those that get none. wait is zero when it may be sent; spent tells
// whether the limits on what is sent are what refuses. What then is not committed is given back by [Issuer.releaseSend]. SMS are
// refused with an error where the limits cannot be counted.
func (d *Issuer) reserveSend(ctx context.Context, s send) (wait time.Duration, spent bool, err error) {
	took, err := d.cfg.Limiter.Take(ctx, s.resend())
	if err != nil || took.Wait > 0 {
		return took.Wait, false, wrapLimit(err)
	}
	took, err = d.cfg.Limiter.Take(ctx, d.limits(s)...)
	if err == nil && (s.by == authcore.BySMS || took.Wait > 0) {
		d.balance(ctx, s, took.Wait > 0)
	}
	return took.Wait, took.Wait > 0, wrapLimit(err)
}

// balance gives back what an SMS that nobody gets took from the number of all, so that asking for codes of numbers without an account
// does not use it up; and of an SMS or mail that the limits refused the pause until the next: who asks again would be told that a code is
// on its way, and wait for one that was never sent. It asks the limiter once in every case: the time that it takes tells nobody which it was.
func (d *Issuer) balance(ctx context.Context, s send, refused bool) {
	taken := s.total(noOne)
	switch {
	case refused:
		taken = []authcore.Limit{s.resend()}
	case !s.real:
		taken = s.total(everybody)
	}
	_ = d.cfg.Limiter.Refund(context.WithoutCancel(ctx), taken...) // what stays counted is refilled by time
}

// MayText reports whether a notice without a code may go to a verified number, and counts it against the number of all SMS. It does not
// count against those of the number: with them anybody could keep its owner from being told, by asking for codes first. What causes
// a notice is limited by its own call, and what all of them cost by this.
func (d *Issuer) MayText(ctx context.Context, number string) (bool, error) {
	if d.cfg.Reaches == nil || !d.cfg.Reaches(number) {
		return false, nil
	}
	took, err := d.cfg.Limiter.Take(ctx, authcore.Limit{Name: authcore.LimitSMSTotal, Key: everybody})
	return err == nil && took.Wait == 0, wrapLimit(err)
}

// ReserveText counts an SMS without a code to a number that may be anybody's, as one that proves a number is counted (O19). wait is zero when
// it may be sent.
func (d *Issuer) ReserveText(ctx context.Context, number string, c authcore.Client) (wait time.Duration, err error) {
	took, err := d.cfg.Limiter.Take(ctx, d.limits(send{purpose: authcore.PurposeConfirmPhone, by: authcore.BySMS, counted: number, client: c})...)
	return took.Wait, wrapLimit(err)
}

// releaseSend gives back what reserveSend took for a mail or SMS that was not committed: who is told to try again must not be answered
// then as if one had gone out. What fails here only makes them wait, as if one had.
func (d *Issuer) releaseSend(ctx context.Context, s send) {
	taken := append(d.limits(s), s.resend())
	if s.by == authcore.BySMS && !s.real { // it was given back at once
		taken = slices.DeleteFunc(taken, func(l authcore.Limit) bool { return l.Key == everybody })
	}
	_ = d.cfg.Limiter.Refund(context.WithoutCancel(ctx), taken...)
}

// Used ends the pause until the next code: the one that is out has been used, so asking again gets a new one at once. What fails here only
// makes them wait.
func (d *Issuer) Used(ctx context.Context, p authcore.Purpose, counted string) {
	_ = d.cfg.Limiter.Refund(context.WithoutCancel(ctx), send{purpose: p, counted: counted}.resend())
}

// SignedIn is Used for a code or link that people sign in with again and again; by and counted are those of the [Request]. A mail counts no
// more then: whoever reads them can sign in as often as they like, and whoever has others' mailboxes filled uses none (R13). An SMS stays
// counted, because it was paid for (O19).
func (d *Issuer) SignedIn(ctx context.Context, p authcore.Purpose, by authcore.Channel, counted string) {
	s := send{purpose: p, by: by, counted: counted}
	back := []authcore.Limit{s.resend()}
	if by == authcore.ByEmail {
		back = append(back, d.limits(s)...)
	}
	_ = d.cfg.Limiter.Refund(context.WithoutCancel(ctx), back...)
}

func wrapLimit(err error) error {
	if err != nil {
		return fmt.Errorf("take from the limits on what is sent: %w", err)
	}
	return nil
}
