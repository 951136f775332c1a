package recovery

import (
	"context"
	"fmt"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/history"
)

// Forgot sends a code and link for a new password to the account's address. It answers nil for every login, known or not,
// and also when the address has had its mails for now; for a login that means no account it stores a decoy, so that the
// work is the same. An empty login is [authcore.InvalidFields]. An address that was never proven gets the mail too:
// receiving it proves it.
func (f *Flow) Forgot(ctx context.Context, login string, c authcore.Client) error {
	if strings.TrimSpace(login) == "" {
		return errNoLogin()
	}
	who, err := f.find(ctx, login)
	if err != nil {
		return err
	}
	wait, _, err := f.cfg.Challenges.Allow(ctx, authcore.PurposeResetPassword, who.recipient)
	if err != nil {
		return err
	}
	if wait > 0 {
		return nil
	}
	ch, fx := f.cfg.Challenges.Decoy(authcore.PurposeResetPassword, who.name), authcore.Effects{}
	if who.account != nil {
		if ch, fx, err = f.issue(who, c); err != nil {
			return err
		}
	}
	if err := f.cfg.Store.IssueChallenge(ctx, ch, fx); err != nil {
		return fmt.Errorf("issue challenge: %w", err)
	}
	if len(fx.Mails) > 0 {
		f.cfg.Challenges.Sent()
	}
	return nil
}

func (f *Flow) issue(who subject, c authcore.Client) (authcore.Challenge, authcore.Effects, error) {
	ch, mail, err := f.cfg.Challenges.Issue(authcore.PurposeResetPassword, who.name, who.account.ID, recipient(*who.account), c)
	if err != nil {
		return authcore.Challenge{}, authcore.Effects{}, err
	}
	return ch, authcore.Effects{
		Events: []authcore.Event{history.Event(authcore.EventResetRequested, who.account.ID, c, f.now())},
		Mails:  []authcore.Mail{mail},
	}, nil
}

// recipient greets by name only at an address that is proven: else a stranger may have chosen the name.
func recipient(a authcore.Account) challenge.Recipient {
	to := challenge.Recipient{Address: a.Email}
	if a.EmailVerified() {
		to.Name = a.Name()
	}
	return to
}

func errNoLogin() error {
	return authcore.RefuseFields(map[string][]string{"login": {"Enter your e-mail address or username."}})
}
