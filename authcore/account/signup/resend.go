package signup

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// Resend sends a new code to an address whose proof is awaited; the earlier one dies. For every other address it does the
// same work, with a mail to nobody, and answers alike. Asked again too soon it does nothing. Refusals: [authcore.InvalidFields];
// [authcore.RateLimited] when the address has had its share of mails, or would have had them.
func (f *Flow) Resend(ctx context.Context, email string, c authcore.Client) error {
	var broken authcore.FieldErrors
	address, err := f.newEmail(email)
	if broken.AddError("email", err); err != nil {
		return broken.Refusal()
	}
	account, err := f.owner(ctx, address)
	if err != nil {
		return err
	}
	waiting, err := f.cfg.Store.Registrations(ctx, address, f.now())
	if err != nil {
		return fmt.Errorf("find registrations: %w", err)
	}
	request := f.request(address, c)
	if account == nil && len(waiting) > 0 || account != nil && unverified(*account) {
		request.Known = &challenge.Known{Account: idOf(account), To: challenge.Recipient{Address: address}}
	}
	wait, mails, err := f.cfg.Challenges.Request(ctx, request)
	if mails && err == nil {
		return authcore.RefuseFor(authcore.RateLimited, "Too many mails were requested for this address. Try again later.", wait)
	}
	return err
}

// request is for a mail that proves the address.
func (f *Flow) request(address string, c authcore.Client) challenge.Request {
	return challenge.Request{Purpose: authcore.PurposeVerifyEmail, Subject: address, Counted: address, Client: c, Save: f.cfg.Store.IssueChallenge}
}
