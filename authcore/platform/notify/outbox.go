package notify

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Outbox is the [Sender] that writes each letter as one .eml file into a folder, for
// development and for tests. It is safe for concurrent use.
//
// A file appears whole or not at all, is readable by its owner only (it holds live
// codes), and is named by the time it was written and the mail's id, so that names sort
// in the order of sending: 20261122T130501.123456Z-<id>.eml.
type Outbox struct {
	dir string
	now authcore.Clock

	mu   sync.Mutex // guards last
	last time.Time
}

// OpenOutbox returns a sender that writes into dir, which is made (0700) if it is not
// there. A nil now means [time.Now].
func OpenOutbox(dir string, now func() time.Time) (*Outbox, error) {
	if dir == "" {
		return nil, errors.New("an outbox needs a folder")
	}
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the outbox folder: %w", err)
	}
	return &Outbox{dir: dir, now: now}, nil
}

// Send implements [Sender]. A letter that an earlier try may have written is looked for
// first, so that no mail is there twice.
func (o *Outbox) Send(ctx context.Context, l Letter) error {
	_, err := o.Deliver(ctx, l)
	return err
}

// Deliver implements [Receipter]: the receipt is the path of the file.
func (o *Outbox) Deliver(ctx context.Context, l Letter) (receipt string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if l.Again {
		there, err := filepath.Glob(filepath.Join(escape(o.dir), "*Z-"+l.ID.String()+".eml"))
		if err != nil || len(there) > 0 {
			return strings.Join(there, " "), err
		}
	}
	hidden := filepath.Join(o.dir, "."+l.ID.String()+".tmp")
	if err := write(hidden, l); err != nil {
		return "", fmt.Errorf("writing into the outbox: %w", err)
	}
	name := o.stamp().Format("20060102T150405.000000Z") + "-" + l.ID.String() + ".eml"
	path := filepath.Join(o.dir, name)
	if err := os.Rename(hidden, path); err != nil {
		return "", fmt.Errorf("writing into the outbox: %w", err)
	}
	return path, nil
}

// stamp returns the time, later than every one it returned before.
func (o *Outbox) stamp() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now.Now()
	if !now.After(o.last) {
		now = o.last.Add(time.Microsecond)
	}
	o.last = now
	return now
}

func write(path string, l Letter) (err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if errors.Is(err, fs.ErrNotExist) {
		// Somebody tidied the folder away while the gateway runs.
		if err = os.MkdirAll(filepath.Dir(path), 0o700); err == nil {
			f, err = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		}
	}
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil {
			_ = os.Remove(path)
		}
	}()
	if _, err := l.WriteTo(f); err != nil {
		return err
	}
	return f.Sync() // the mail leaves the database next
}

// escape quotes what a pattern would read as a wildcard.
func escape(dir string) string {
	quoted := make([]rune, 0, len(dir))
	for _, r := range dir {
		switch r {
		case '*', '?', '[', '\\':
			quoted = append(quoted, '\\')
		}
		quoted = append(quoted, r)
	}
	return string(quoted)
}

// Interface guards
var (
	_ Sender    = (*Outbox)(nil)
	_ Receipter = (*Outbox)(nil)
)
