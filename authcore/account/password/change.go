package password

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/attempt"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// ChangeInput is a wish for another password, as it was typed.
type ChangeInput struct {
	AccountID uuid.UUID
	Current   string // "" where the account has no password yet
	New       string
	// NotFresh is the refusal of a sign-in that is not recent enough, nil for one that is: whoever finds a browser open must not be able
	// to set the first password of an account.
	NotFresh error
	// DeviceToken is what the browser keeps; "" for nothing.
	DeviceToken string
	Client      authcore.Client
}

// Change sets a new password, or the first one, and ends every session of the account. The new one is checked first, so that a password
// which breaks a rule costs no try. Refusals: [authcore.InvalidFields]; NotFresh where the account has no password;
// [authcore.InvalidCredentials] when Current is wrong, also where there is none; [authcore.AccountLocked] with RetryAfter; [authcore.InvalidToken] when
// the account is gone or disabled; [authcore.NotFound] where passwords are off; [authcore.Unavailable].
func (f *Flow) Change(ctx context.Context, in ChangeInput) error {
	if err := f.on(); err != nil {
		return err
	}
	account, err := authcore.Owner(f.cfg.Store.AccountByID(ctx, in.AccountID))
	if err != nil {
		return err
	}
	normal, rules := Check(f.policyOf(account), in.New, Words(account)...)
	var broken authcore.FieldErrors
	broken.AddErrors("new_password", rules...)
	first := account.PasswordHash == "" && in.Current == ""
	if in.Current == "" && !first {
		broken.Add("current_password", authcore.CurrentPasswordRequired)
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	switch {
	case !first:
		err = f.verifyCurrent(ctx, account, in)
	case in.NotFresh != nil:
		err = in.NotFresh
	}
	if err != nil {
		return err
	}
	hash, err := Hash(ctx, f.cfg.Hasher, normal, account.PasswordHash, nil)
	if err != nil {
		return fmt.Errorf("set new password: %w", err)
	}
	return f.replaceCurrent(ctx, account, hash, f.cfg.Policy.Short(normal), in.Client)
}

// verifyCurrent tries the current password. It costs one hash in every case, and a wrong one counts as a failed sign-in.
func (f *Flow) verifyCurrent(ctx context.Context, account authcore.Account, in ChangeInput) error {
	shown, _ := f.cfg.ReadDevice(in.DeviceToken)
	try, err := f.tries.Begin(ctx, identifier.AccountKey(account.ID), attempt.Shown{Account: account.ID, Device: shown})
	if err != nil {
		return err
	}
	right, err := Verify(ctx, f.cfg.Hasher, f.cfg.Policy, account.PasswordHash, in.Current)
	if err != nil {
		try.Cancel()
		return fmt.Errorf("verify current password: %w", Busy(err))
	}
	if right {
		try.Succeeded(context.WithoutCancel(ctx)) // counted, also when the client has hung up meanwhile
		return nil
	}
	failure := audit.Failure(authcore.EventPasswordChanged, account.ID, in.Client, authcore.InvalidCredentials, f.now())
	if err := f.tries.Failed(ctx, try, &account, failure, in.Client); err != nil {
		return err
	}
	return errCurrent()
}

func (f *Flow) replaceCurrent(ctx context.Context, account authcore.Account, hash string, short bool, c authcore.Client) error {
	event := audit.Event(authcore.EventPasswordChanged, account.ID, c, f.now())
	fx := authcore.Effects{Events: []authcore.Event{event}}
	err := f.cfg.Notices.Security(ctx, &fx, passwordChanged(event, account, c))
	if err != nil {
		return err
	}
	_, _, err = f.cfg.Store.ChangePassword(ctx, authcore.PasswordChange{
		AccountID: account.ID, Old: account.PasswordHash, PasswordHash: hash, Short: short, Now: f.now(), Effects: fx,
	})
	if errors.Is(err, authcore.ErrNotFound) { // changed or disabled since it was read: what was verified is no longer so
		return errCurrent()
	}
	if err != nil {
		return fmt.Errorf("change password: %w", err)
	}
	return nil
}

func passwordChanged(e authcore.Event, account authcore.Account, c authcore.Client) notice.Notice {
	return notice.Notice{Kind: authcore.MailPasswordReset, Event: e, Account: account, Undo: notice.Undo{Password: true}, Client: c}
}

func errCurrent() error {
	return authcore.Refuse(authcore.InvalidCredentials, "The current password is wrong.")
}
