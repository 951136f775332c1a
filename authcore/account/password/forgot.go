package password

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

// Forgot sends a code and link for a new password to the account's address. It answers nil for every login, known or
// not, and also when the address has had its share of mails; for a login that means no account it stores a dummy
// with an event and a mail to nobody, so that the work is the same. An empty login is [authcore.InvalidFields]. An
// address that was never verified gets the mail too: receiving it proves it. An account without a password gets its first one so. Where
// passwords are off it is [authcore.NotFound].
func (f *Flow) Forgot(ctx context.Context, login string, c authcore.Client) error {
	if err := f.on(); err != nil {
		return err
	}
	if strings.TrimSpace(login) == "" {
		return errNoLogin()
	}
	who, err := f.find(ctx, login)
	if err != nil {
		return err
	}
	request := challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: who.name, Counted: who.recipient, Channel: who.by, Client: c, Save: f.cfg.Store.IssueChallenge}
	account := uuid.Nil
	if who.account != nil {
		account = who.account.ID
		request.Known = &challenge.Known{Account: account, Username: who.account.Username, To: who.to}
	}
	request.Events = []authcore.Event{audit.Event(authcore.EventResetRequested, account, c, f.now())}
	_, _, err = f.cfg.Challenges.Request(ctx, request)
	return err
}

// CanReset reports whether a reset can reach the owner of the account.
func (f *Flow) CanReset(a authcore.Account) bool {
	_, ok := recovers(authcore.KindUsername, a)
	return ok && !f.cfg.Off
}

// SendReset sends a code and link for a new password to the owner of an account who has not asked for it, and writes the events with it. Nothing
// is written, and sent is false, when none can reach them, or when they have had their share of mails: then what went out before still works.
func (f *Flow) SendReset(ctx context.Context, a authcore.Account, c authcore.Client, events ...authcore.Event) (sent bool, err error) {
	to, ok := recovers(authcore.KindUsername, a)
	if !ok || f.cfg.Off {
		return false, nil
	}
	subject := identifier.AccountKey(a.ID)
	if to.Channel == authcore.BySMS {
		subject += byNumber
	}
	wait, _, err := f.cfg.Challenges.Request(ctx, challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: subject, Counted: to.Address, Channel: to.Channel,
		Known: &challenge.Known{Account: a.ID, To: to}, Client: c, Save: f.cfg.Store.IssueChallenge,
		Events: append(events, audit.Event(authcore.EventResetRequested, a.ID, c, f.now()))})
	return err == nil && wait == 0, err
}

// recipient greets by name only at an address that is verified: else a stranger may have chosen the name.
func recipient(a authcore.Account) challenge.Recipient {
	to := challenge.Recipient{Address: a.Email, Lang: a.Locale}
	if a.EmailVerified() {
		to.Name = a.Name()
	}
	return to
}

func errNoLogin() error {
	return authcore.RefuseField("login", authcore.LoginRequired)
}
