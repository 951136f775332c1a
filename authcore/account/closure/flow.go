package closure

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Store is what leaving reads and writes.
type Store interface {
	// DeleteAccount ends everything that the account could still be used with (sessions, codes, links, unused invitations), then removes
	// every row and picture of its owner; of events kind, time and result stay. Its usernames stay taken and its verified addresses
	// known, as keyed digests. All of it is one transaction. ErrNotFound: there is no such account, it is disabled, or is not due.
	// [authcore.ErrLastAdmin]: nobody else can sign in as an administrator.
	DeleteAccount(ctx context.Context, d authcore.Deletion) error
}

// Config is what a Flow needs.
type Config struct {
	Store   Store
	Notices *notice.Notices
	Now     authcore.Clock
}

// Flow deletes accounts. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("closure: store, notices and clock are required")
	}
	return &Flow{cfg}, nil
}

// Delete deletes an account at its owner's wish, who has just shown who they are. When it returns, no token of the account is
// accepted here any more. Refusals: [authcore.LastAdmin]; [authcore.InvalidToken] when the account is gone or disabled.
func (f *Flow) Delete(ctx context.Context, account uuid.UUID, c authcore.Client) error {
	err := f.cfg.Store.DeleteAccount(ctx, authcore.Deletion{
		AccountID: account, Now: f.cfg.Now.Now(), Effects: func(a authcore.Account) (authcore.Effects, error) { return f.deleted(a, c) },
	})
	return refusal(err)
}

// deleted tells of the deletion. The farewell goes to an address that the account has been verified to own, and to no other.
func (f *Flow) deleted(a authcore.Account, c authcore.Client) (authcore.Effects, error) {
	fx := authcore.Effects{Events: []authcore.Event{audit.Event(authcore.EventAccountDeleted, a.ID, c, f.cfg.Now.Now())}}
	to := a.VerifiedEmail()
	if to == "" {
		return fx, nil
	}
	err := f.cfg.Notices.Tell(&fx, notice.Notice{Kind: authcore.MailAccountDeleted, Event: fx.Events[0], Account: a, Client: c},
		challenge.Recipient{Address: to, Name: a.Name()})
	for i := range fx.Mails {
		fx.Mails[i].AccountID = uuid.Nil // else it would be dropped with what waits for the account
	}
	return fx, err
}

func refusal(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, authcore.ErrNotFound):
		return authcore.Refuse(authcore.InvalidToken, "This account no longer exists.")
	case errors.Is(err, authcore.ErrLastAdmin):
		return authcore.Refuse(authcore.LastAdmin, "Nobody else can sign in as an administrator. Make somebody else an administrator first.")
	}
	return fmt.Errorf("delete account: %w", err)
}
