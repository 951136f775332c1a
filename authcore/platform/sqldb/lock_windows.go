package sqldb

import (
	"errors"
	"os"
	"syscall"
)

// errHeld: another process has the lock.
var errHeld = errors.New("lock is held")

const sharingViolation syscall.Errno = 32

// lockFile opens a file, which it makes if need be, so that nobody else can until it is closed; errHeld if somebody
// has it open. The kernel frees it however the process ends.
func lockFile(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	const noSharing = 0
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, noSharing, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if errors.Is(err, sharingViolation) {
		return nil, errHeld
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}
