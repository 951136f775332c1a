package signup

import (
	"context"
	"fmt"

	"github.com/gatehouse-auth/gatehouse/authcore"
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
	wait, mails, err := f.cfg.Challenges.ReserveSend(ctx, authcore.PurposeVerifyEmail, address)
	switch {
	case err != nil:
		return err
	case mails:
		return authcore.RefuseFor(authcore.RateLimited, "Too many mails were requested for this address. Try again later.", wait)
	case wait > 0:
		return nil
	}
	if account == nil && len(waiting) > 0 || account != nil && unverified(*account) {
		return f.issue(ctx, address, idOf(account), c)
	}
	ch, mail, err := f.cfg.Challenges.Dummy(authcore.PurposeVerifyEmail, address, c)
	if err != nil {
		return err
	}
	return f.store(ctx, ch, mail)
}
