package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const lockRetry = 20 * time.Millisecond

// lockSuffix ends the name of a file that is never removed, and made once the database file has a content.
const lockSuffix = ".lock"

func (l *lite) lockPath() string { return l.path + lockSuffix }

func (l *lite) lock() error {
	l.lockMu.Lock()
	defer l.lockMu.Unlock()
	if l.locked != nil {
		return nil
	}
	f, err := lockFile(l.lockPath())
	if errors.Is(err, errHeld) {
		return l.inUse()
	}
	if err != nil {
		return fmt.Errorf("lock database file %s: %w", l.path, err)
	}
	l.locked = f
	return nil
}

func (l *lite) inUse() error {
	return &InUseError{fmt.Sprintf("database file %s is in use by another gatehouse process: stop that one first, "+
		"give this one another file, or use postgres:// for several processes", l.path)}
}

// lockForMigration holds the file's lock during a migration, unless this store has it anyway. Several processes that
// start together wait for each other.
func (l *lite) lockForMigration(ctx context.Context) (unlock func() error, err error) {
	l.lockMu.Lock()
	held := l.locked != nil
	l.lockMu.Unlock()
	if held {
		return func() error { return nil }, nil
	}
	ctx, cancel := context.WithTimeout(ctx, longLimit)
	defer cancel()
	tick := time.NewTicker(lockRetry)
	defer tick.Stop()
	for {
		f, err := lockFile(l.lockPath())
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, errHeld) {
			return nil, fmt.Errorf("lock database file %s: %w", l.path, err)
		}
		select {
		case <-ctx.Done():
			return nil, l.inUse()
		case <-tick.C:
		}
	}
}
