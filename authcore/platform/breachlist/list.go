package breachlist

import (
	"crypto/sha1" //nolint:gosec // the digest that the published lists are made of; it protects nothing here
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"runtime/debug"
	"sync"

	"github.com/edsrzf/mmap-go"
)

// ErrLost is the error of a look-up in a file that was cut short or closed since it was opened.
var ErrLost = errors.New("the breach list cannot be read any more")

// List is an open file. It is safe for concurrent use.
type List struct {
	mu        sync.RWMutex // held for writing while the file is unmapped
	mapped    mmap.MMap
	filters   [entries]*filter
	passwords uint64
}

// Open maps a file that [Build] has made, and reads it once to see that it is whole: else the error is [ErrDamaged].
func Open(file string) (*List, error) {
	f, err := os.Open(file) //nolint:gosec // the file that the operator names
	if err != nil {
		return nil, fmt.Errorf("open the breach list: %w", err)
	}
	defer func() { _ = f.Close() }() // the mapping outlives it
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the breach list: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() < headSz {
		return nil, fmt.Errorf("%w: it is no file of gatehouse breached build", ErrDamaged)
	}
	l := &List{}
	if l.mapped, err = mmap.Map(f, mmap.RDONLY, 0); err != nil {
		return nil, fmt.Errorf("map the breach list: %w", err)
	}
	if err := guarded(l.read); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func (l *List) read() error {
	head := l.mapped[:headSz]
	switch {
	case string(head[:len(magic)]) != magic:
		return fmt.Errorf("%w: it is no file of gatehouse breached build", ErrDamaged)
	case binary.LittleEndian.Uint32(head[8:]) != version || binary.LittleEndian.Uint32(head[12:]) != parts:
		return fmt.Errorf("%w: it was built by another version: build it anew", ErrDamaged)
	case crc32.Checksum(head[:headSz-4], castagnoli) != binary.LittleEndian.Uint32(head[headSz-4:]):
		return fmt.Errorf("%w: its checksum is wrong", ErrDamaged)
	}
	l.passwords = binary.LittleEndian.Uint64(head[16:])
	for i := range l.filters {
		e := readEntry(head[24+i*entrySz:])
		if e.length == 0 {
			continue
		}
		var err error
		if l.filters[i], err = e.filter(l.mapped); err != nil {
			return err
		}
	}
	return nil
}

// Passwords is how many passwords the list has.
func (l *List) Passwords() uint64 { return l.passwords }

// Has reports whether the list has a password, in the bytes that it is typed in. One of the list is always found; 1 in 65 536 others
// is found too. [ErrLost]: the file was cut short meanwhile, or closed.
func (l *List) Has(password string) (found bool, err error) {
	return l.HasDigest(sha1.Sum([]byte(password))) //nolint:gosec // see the import
}

// HasDigest is Has for the SHA-1 of a password.
func (l *List) HasDigest(digest [sha1.Size]byte) (found bool, err error) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.mapped == nil {
		return false, ErrLost
	}
	err = guarded(func() error {
		key := binary.BigEndian.Uint64(digest[:])
		for i := range pair {
			f := l.filters[int(digest[0])*pair+i]
			if f == nil || !f.Contains(keyOf(key, i)) {
				return nil
			}
		}
		found = true
		return nil
	})
	return found, err
}

// Close unmaps the file. Look-ups after it are [ErrLost].
func (l *List) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mapped == nil {
		return nil
	}
	l.filters = [entries]*filter{}
	if err := l.mapped.Unmap(); err != nil {
		return fmt.Errorf("unmap the breach list: %w", err)
	}
	return nil
}

// guarded runs a function that reads mapped memory. Reading a page of a file that was cut short is a fault that ends the process; here it is
// [ErrLost], for the loss of a list must break no sign-in.
func guarded(read func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch fault := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // runtime.Error of a fault, by the documentation of SetPanicOnFault
			err = fmt.Errorf("%w: %v", ErrLost, fault)
		default:
			panic(fault)
		}
	}()
	return read()
}
