package sqlstore

import (
	"context"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

// Commit is what a change has written that somebody waits to hear of.
type Commit struct {
	Revocations []authcore.Revocation
	Events      []authcore.Event
	Mails       int                 // in the outbox, dummies included
	Kinds       []authcore.MailKind // of those that are no dummies
}

// AfterCommit returns a Store on the same database whose changes call hook, after the hooks that s has. A change that commits
// revocations, events or mails calls it once, before it returns to its caller; one that is rolled back, or whose commit was not
// answered, does not. The ctx of the hook never ends: what is committed must be heeded although the caller has gone. The hook
// is called concurrently, must return at once and must not change the slices.
func (s *Store) AfterCommit(hook func(ctx context.Context, done Commit)) *Store {
	derived, earlier := *s, s.committed
	derived.committed = func(ctx context.Context, done Commit) {
		earlier(ctx, done)
		hook(ctx, done)
	}
	return &derived
}

// tx is a transaction that remembers what it has written for a [Commit]. Revocations, events and mails are inserted through a
// tx alone, and only Store.change makes one: so no method can revoke a session that its node still admits.
type tx struct {
	sqldb.Querier
	former Digester
	done   Commit
}

// change runs a transaction as sqldb.DB.Write does, and calls the hooks once it is committed.
func (s *Store) change(ctx context.Context, step string, do func(ctx context.Context, t *tx) error) error {
	return s.changeBy(ctx, s.Write, step, do)
}

// changeBy is change with the bounds of write. Every change is one of the context's actor (see actedBy).
func (s *Store) changeBy(ctx context.Context, write func(context.Context, string, sqldb.Work) error, step string,
	do func(ctx context.Context, t *tx) error) error {
	var done Commit
	err := write(ctx, step, func(ctx context.Context, q sqldb.Querier) error {
		t := &tx{Querier: q, former: s.former}
		err := actedBy(ctx, t, do)
		if err == nil {
			err = recordCall(ctx, t)
		}
		done = t.done // of the last run: a conflict makes it run again
		return err
	})
	if err != nil {
		return err
	}
	authcore.AdminCallOf(ctx).MarkWritten()
	if len(done.Revocations) > 0 || len(done.Events) > 0 || done.Mails > 0 {
		s.committed(context.WithoutCancel(ctx), done)
	}
	return nil
}
