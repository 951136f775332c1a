//go:build unix

package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// errHeld: another process has the lock.
var errHeld = errors.New("lock is held")

// lockFile takes the lock of a file, which it makes if need be, until the file is closed; errHeld if somebody has it.
// The kernel frees it however the process ends.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errHeld
		}
		return nil, err
	}
	return f, nil
}
