package signup

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// ResendInput says where a code is to go: an address or a number, as it was typed.
type ResendInput struct {
	Email, Phone string
	Client       authcore.Client
}

// Resend sends a new code to an address or number whose proof is awaited; the earlier one dies. Where somebody has registered an address
// that has an account, its owner gets the mail that says so. For every other address it does the same work, with a mail to nobody,
// and answers alike. Asked again too soon it does nothing. Refusals: [authcore.InvalidRequest] for both;
// [authcore.InvalidFields], also for none; [authcore.RateLimited] when the address has had its share of mails, or would have had them.
func (f *Flow) Resend(ctx context.Context, in ResendInput) error {
	to, err := f.resendTo(in)
	if err != nil {
		return err
	}
	account, err := f.owner(ctx, to)
	if err != nil {
		return err
	}
	waiting, err := f.cfg.Store.Registrations(ctx, to.address, f.now())
	if err != nil {
		return fmt.Errorf("find registrations: %w", err)
	}
	wait, mails, err := f.cfg.Challenges.Request(ctx, f.requestFor(to, account, len(waiting) > 0, in.Client))
	if mails && err == nil {
		return authcore.RefuseFor(authcore.RateLimited, "Too many mails were requested for this address. Try again later.", wait)
	}
	return err
}

func (f *Flow) resendTo(in ResendInput) (to target, err error) {
	var broken authcore.FieldErrors
	if in.Email != "" && in.Phone != "" {
		return to, authcore.Refuse(authcore.InvalidRequest, "Send either email or phone.")
	}
	if in.Phone != "" {
		to.channel = authcore.BySMS
		to.address, err = f.numbers().Read(in.Phone)
		broken.AddError("phone", err)
		return to, broken.Refusal()
	}
	to.channel = authcore.ByEmail
	to.address, err = f.newEmail(in.Email)
	broken.AddError("email", err)
	return to, broken.Refusal()
}

// numbers reads any number: one that is not taken is answered like one that is, and gets nothing.
func (f *Flow) numbers() identifier.Numbers { return identifier.Numbers{Region: f.cfg.Numbers.Region} }

// requestFor is for the code that verifies a target. A code goes out where the account that is found by it, or a registration that waits,
// can be verified by it. Where somebody registers what is verified already its owner is told, and nobody gets a code.
func (f *Flow) requestFor(to target, account *authcore.Account, registered bool, c authcore.Client) challenge.Request {
	r := challenge.Request{Purpose: authcore.PurposeVerifyEmail, Subject: to.address, Counted: to.address, Channel: to.channel, Client: c, Save: f.cfg.Store.IssueChallenge}
	switch {
	case account == nil && registered:
		r.Known = &challenge.Known{To: challenge.Recipient{Channel: to.channel, Address: to.address}}
	case account == nil:
	case to.awaits(*account):
		r.Known = &challenge.Known{Account: account.ID, Username: account.Username, To: challenge.Recipient{Channel: to.channel, Address: to.address, Lang: account.Locale}}
	case registered:
		r.Known = &challenge.Known{Account: account.ID, Username: account.Username, To: challenge.Recipient{Channel: to.channel, Address: to.address, Name: greeting(to, *account), Lang: account.Locale},
			Instead: authcore.MailAccountExists}
		r.Events = []authcore.Event{audit.Event(authcore.EventRegistrationAgain, account.ID, c, f.now())}
	}
	return r
}

// greeting is the name of an account, at an address that it has verified: elsewhere a stranger may have chosen the name.
func greeting(to target, a authcore.Account) string {
	if !to.verifiedBy(a) {
		return ""
	}
	return a.Name()
}
