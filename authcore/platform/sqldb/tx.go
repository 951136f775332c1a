package sqldb

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	tries         = 6
	firstWait     = 4 * time.Millisecond
	conflictLimit = 1100 * time.Millisecond
	// deadlockLimit lets the victim of a deadlock try once more. Postgres looks for one when a lock has been waited for for 1 s,
	// or a little later on a busy machine; whoever was in it has the way free then.
	deadlockLimit = workLimit
	// busyRetry is less than busyLimit: when SQLite has waited for a foreign lock itself, that was it.
	busyRetry = 300 * time.Millisecond
)

// Read runs statements that change nothing. step names the work in errors.
func (d *DB) Read(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step}, func(ctx context.Context) error { return d.engine.read(ctx, do) })
}

// Single runs one statement that is a transaction of its own.
func (d *DB) Single(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.single(ctx, do) })
}

// Write runs a transaction.
func (d *DB) Write(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.transact(ctx, workLimit, do) })
}

// WriteLong runs a transaction that may make keys while it holds a lock.
func (d *DB) WriteLong(ctx context.Context, step string, do Work) error {
	return d.attempt(ctx, Call{Step: step, Writes: true}, func(ctx context.Context) error { return d.engine.transact(ctx, longLimit, do) })
}

// attempt repeats what lost a race for a lock or a snapshot. Everything that a piece of work does is in its
// transaction, so a repetition leaves its effects once.
func (d *DB) attempt(ctx context.Context, c Call, run func(ctx context.Context) error) error {
	ctx, done := d.trace(ctx, c)
	err := d.named(d.repeat(ctx, c.Step, run))
	d.reportCorruption(err)
	done(err)
	return err
}

func (d *DB) repeat(ctx context.Context, step string, run func(ctx context.Context) error) error {
	start, wait := time.Now(), firstWait
	for try := 1; ; try++ {
		if err := ctx.Err(); err != nil {
			return finish(ctx, step, err)
		}
		err := run(ctx)
		if err == nil {
			return nil
		}
		if try == tries || time.Since(start) >= conflict(err) {
			return finish(ctx, step, err)
		}
		// Those who met in a deadlock must not meet again.
		timer := time.NewTimer(wait + rand.N(wait))
		select {
		case <-ctx.Done():
			timer.Stop()
		case <-timer.C:
		}
		wait *= 2
	}
}
