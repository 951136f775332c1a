package closure

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
)

// Store is what leaving reads and writes.
type Store interface {
	// AccountByID returns the account, disabled or not. ErrNotFound.
	AccountByID(ctx context.Context, id uuid.UUID) (authcore.Account, error)
	// DeleteAccount ends everything that the account could still be used with (sessions, codes, links, unused invitations), then removes
	// every row and picture of its owner; of events kind, time and result stay. Its usernames stay taken and its verified addresses
	// known, as keyed digests. All of it is one transaction. ErrNotFound: there is no such account, it is disabled, or is not due.
	// [authcore.ErrLastAdmin]: nobody else can sign in as an administrator.
	DeleteAccount(ctx context.Context, d authcore.Deletion) error
	// ScheduleDeletion disables the account until it is deleted, and ends the same things. Errors as DeleteAccount's.
	ScheduleDeletion(ctx context.Context, r authcore.DeletionRequest) error
	// RestoreAccount consumes the challenge and enables its account again, if its deletion waits. Exactly one of the callers that
	// present one challenge succeeds. ErrNotFound.
	RestoreAccount(ctx context.Context, r authcore.Restoration) error
	// DueDeletions returns up to limit accounts that are to be deleted now, those that wait longest first.
	DueDeletions(ctx context.Context, now time.Time, limit int) ([]uuid.UUID, error)
}

// MaxGrace is the longest time that a deletion can wait.
const MaxGrace = 90 * 24 * time.Hour

// Config is what a Flow needs.
type Config struct {
	Store      Store
	Challenges *challenge.Issuer
	Notices    *notice.Notices
	Grace      time.Duration // how long a deletion waits; 0: it is done at once
	// MayDelete returns nil while this node may delete what is due: while its clock is right, and its keys are there. It may be nil: always.
	MayDelete func() error
	Now       authcore.Clock
}

// Flow deletes and restores accounts. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Challenges == nil || cfg.Notices == nil || cfg.Now == nil {
		return nil, errors.New("closure: store, challenges, notices and clock are required")
	}
	if cfg.Grace < 0 || cfg.Grace > MaxGrace {
		return nil, errors.New("closure: a deletion waits 90 days at the most")
	}
	if cfg.MayDelete == nil {
		cfg.MayDelete = func() error { return nil }
	}
	return &Flow{cfg}, nil
}

// Grace returns how long a deletion waits; 0 where it is done at once.
func (f *Flow) Grace() time.Duration { return f.cfg.Grace }

func (f *Flow) now() time.Time { return f.cfg.Now.Now() }

// Delete deletes an account at its owner's wish, who has just shown who they are: at once, and then deletesAt is zero, or else then.
// When it returns, no token of the account is accepted here any more. Refusals: [authcore.LastAdmin]; [authcore.InvalidToken] when the
// account is gone or disabled; [authcore.Unavailable].
func (f *Flow) Delete(ctx context.Context, account uuid.UUID, c authcore.Client) (deletesAt time.Time, err error) {
	if f.cfg.Grace > 0 {
		return f.schedule(ctx, account, c)
	}
	return time.Time{}, refusal(f.cfg.Store.DeleteAccount(ctx, authcore.Deletion{
		AccountID: account, Now: f.now(), Effects: func(a authcore.Account) (authcore.Effects, error) { return f.deleted(a, c) },
	}))
}

// DeleteForAdmin deletes an account at once, also a disabled one, at the wish of an administrator. The owner is told as by [Flow.Delete].
// Refusals: [authcore.LastAdmin]; [authcore.NotFound]; [authcore.Unavailable].
func (f *Flow) DeleteForAdmin(ctx context.Context, account uuid.UUID, c authcore.Client) error {
	err := f.cfg.Store.DeleteAccount(ctx, authcore.Deletion{
		AccountID: account, Disabled: true, Now: f.now(), Effects: func(a authcore.Account) (authcore.Effects, error) { return f.deleted(a, c) },
	})
	if errors.Is(err, authcore.ErrNotFound) {
		return authcore.Refuse(authcore.NotFound, "There is no such account.")
	}
	return refusal(err)
}

// deleted tells of the deletion. The farewell goes to an address that the account has been verified to own, and to no other.
func (f *Flow) deleted(a authcore.Account, c authcore.Client) (authcore.Effects, error) {
	fx, err := f.tell(authcore.MailAccountDeleted, authcore.EventAccountDeleted, a, c)
	for i := range fx.Mails {
		fx.Mails[i].AccountID = uuid.Nil // else it would be dropped with what waits for the account
	}
	return fx, err
}

func (f *Flow) tell(kind authcore.MailKind, event authcore.EventKind, a authcore.Account, c authcore.Client) (authcore.Effects, error) {
	fx := authcore.Effects{Events: []authcore.Event{audit.Event(event, a.ID, c, f.now())}}
	to := a.VerifiedEmail()
	if to == "" {
		return fx, nil
	}
	err := f.cfg.Notices.Tell(&fx, notice.Notice{Kind: kind, Event: fx.Events[0], Account: a, Client: c},
		challenge.Recipient{Address: to, Name: a.Name()})
	return fx, err
}

func refusal(err error) error {
	if errors.Is(err, authcore.ErrLastAdmin) {
		return authcore.ErrLastAdmin
	}
	return authcore.OwnerGone("delete account", err)
}

const (
	dueEvery = 10 * time.Second
	dueBatch = 100
)

// Run deletes accounts when their time has come, until ctx ends. On every node that runs it each account is deleted by one; a node that is
// killed has deleted it or not.
func (f *Flow) Run(ctx context.Context, logger *slog.Logger) {
	tick := time.NewTicker(dueEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if f.cfg.MayDelete() != nil {
			continue
		}
		if _, err := f.DeleteDue(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, authcore.ErrUnavailable) {
			logger.Error("could not delete accounts that are due; will retry", "error", err)
		}
	}
}

// DeleteDue deletes what is due and returns how many accounts that were.
func (f *Flow) DeleteDue(ctx context.Context) (deleted int, err error) {
	for more := true; more; {
		due, err := f.cfg.Store.DueDeletions(ctx, f.now(), dueBatch)
		if err != nil {
			return deleted, fmt.Errorf("find due deletions: %w", err)
		}
		more = len(due) == dueBatch
		for _, id := range due {
			err := f.cfg.Store.DeleteAccount(ctx, authcore.Deletion{AccountID: id, Due: true, Now: f.now(),
				Effects: func(a authcore.Account) (authcore.Effects, error) { return f.deleted(a, authcore.Client{}) }})
			if errors.Is(err, authcore.ErrNotFound) { // another node was faster, or it was restored
				continue
			}
			if err != nil {
				return deleted, fmt.Errorf("delete due account: %w", err)
			}
			deleted++
		}
	}
	return deleted, nil
}
