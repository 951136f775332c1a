package password

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
)

// Forgot sends a code and link for a new password to the account's address. It answers nil for every login, known or
// not, and also when the address has had its share of mails; for a login that means no account it stores a decoy
// with an event and a mail to nobody, so that the work is the same. An empty login is [authcore.InvalidFields]. An
// address that was never verified gets the mail too: receiving it proves it.
func (f *Flow) Forgot(ctx context.Context, login string, c authcore.Client) error {
	if strings.TrimSpace(login) == "" {
		return errNoLogin()
	}
	who, err := f.find(ctx, login)
	if err != nil {
		return err
	}
	wait, _, err := f.cfg.Challenges.ReserveSend(ctx, authcore.PurposeResetPassword, who.recipient)
	if err != nil {
		return err
	}
	if wait > 0 {
		return nil
	}
	ch, fx, err := f.issue(who, c)
	if err != nil {
		return err
	}
	if err := f.cfg.Store.IssueChallenge(ctx, ch, fx); err != nil {
		f.cfg.Challenges.ReleaseSend(ctx, authcore.PurposeResetPassword, who.recipient)
		return fmt.Errorf("issue challenge: %w", err)
	}
	return nil
}

func (f *Flow) issue(who subject, c authcore.Client) (ch authcore.Challenge, fx authcore.Effects, err error) {
	var account uuid.UUID
	var mail authcore.Mail
	if who.account == nil {
		ch, mail, err = f.cfg.Challenges.Dummy(authcore.PurposeResetPassword, who.name, c)
	} else {
		account = who.account.ID
		ch, mail, err = f.cfg.Challenges.Issue(authcore.PurposeResetPassword, who.name, account, recipient(*who.account), c)
	}
	if err != nil {
		return authcore.Challenge{}, authcore.Effects{}, err
	}
	asked := audit.Event(authcore.EventResetRequested, account, c, f.now())
	return ch, authcore.Effects{Events: []authcore.Event{asked}, Mails: []authcore.Mail{mail}}, nil
}

// recipient greets by name only at an address that is verified: else a stranger may have chosen the name.
func recipient(a authcore.Account) challenge.Recipient {
	to := challenge.Recipient{Address: a.Email}
	if a.EmailVerified() {
		to.Name = a.Name()
	}
	return to
}

func errNoLogin() error {
	return authcore.RefuseField("login", authcore.LoginRequired)
}
