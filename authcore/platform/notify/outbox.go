package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// Outbox is the [Sender] that writes each letter as one .eml file into a folder, for
// development and for tests. It is safe for concurrent use.
//
// A file appears whole or not at all, is readable by its owner only (it holds live
// codes), and is named by the time it was written and the mail's id, so that names sort
// in the order of sending: 20261122T130501.123456Z-<id>.eml.
type Outbox struct{ folder *folder }

// OpenOutbox returns a sender that writes into dir, which is made (0700) if it is not
// there. A nil now means [time.Now].
func OpenOutbox(dir string, now func() time.Time) (*Outbox, error) {
	f, err := openFolder(dir, ".eml", now)
	if err != nil {
		return nil, err
	}
	return &Outbox{f}, nil
}

// Send implements [Sender]. A letter that an earlier try may have written is looked for
// first, so that no mail is there twice.
func (o *Outbox) Send(ctx context.Context, l Letter) error {
	_, err := o.Deliver(ctx, l)
	return err
}

// Deliver implements [Receipter]: the receipt is the path of the file.
func (o *Outbox) Deliver(ctx context.Context, l Letter) (receipt string, err error) {
	return o.folder.put(ctx, l.ID, l.Again, l)
}

// SMSOutbox is the [SMSSender] that writes each SMS as one .txt file into a folder, as [Outbox] does with mails: a line
// "To: <number>", an empty line, the text. It is safe for concurrent use.
type SMSOutbox struct{ folder *folder }

// OpenSMSOutbox is OpenOutbox for SMS.
func OpenSMSOutbox(dir string, now func() time.Time) (*SMSOutbox, error) {
	f, err := openFolder(dir, ".txt", now)
	if err != nil {
		return nil, err
	}
	return &SMSOutbox{f}, nil
}

// Send implements [SMSSender]: the receipt is the path of the file.
func (o *SMSOutbox) Send(ctx context.Context, m SMS) (receipt string, err error) {
	return o.folder.put(ctx, m.ID, m.Again, strings.NewReader("To: "+m.To+"\n\n"+m.Text+"\n"))
}

// folder is where messages are put, each as a file.
type folder struct {
	dir string
	ext string
	now authcore.Clock

	mu   sync.Mutex // guards last
	last time.Time
}

func openFolder(dir, ext string, now func() time.Time) (*folder, error) {
	if dir == "" {
		return nil, errors.New("an outbox needs a folder")
	}
	if now == nil {
		now = time.Now
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the outbox folder: %w", err)
	}
	return &folder{dir: dir, ext: ext, now: now}, nil
}

// put writes one message and returns the path of its file.
func (o *folder) put(ctx context.Context, id uuid.UUID, again bool, m io.WriterTo) (path string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if again {
		there, err := filepath.Glob(filepath.Join(escape(o.dir), "*Z-"+id.String()+o.ext))
		if err != nil || len(there) > 0 {
			return strings.Join(there, " "), err
		}
	}
	hidden := filepath.Join(o.dir, "."+id.String()+".tmp")
	if err := write(hidden, m); err != nil {
		return "", fmt.Errorf("writing into the outbox: %w", err)
	}
	name := o.stamp().Format("20060102T150405.000000Z") + "-" + id.String() + o.ext
	path = filepath.Join(o.dir, name)
	if err := os.Rename(hidden, path); err != nil {
		return "", fmt.Errorf("writing into the outbox: %w", err)
	}
	return path, nil
}

// stamp returns the time, later than every one it returned before.
func (o *folder) stamp() time.Time {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now.Now()
	if !now.After(o.last) {
		now = o.last.Add(time.Microsecond)
	}
	o.last = now
	return now
}

func write(path string, m io.WriterTo) (err error) {
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
	if _, err := m.WriteTo(f); err != nil {
		return err
	}
	return f.Sync() // the message leaves the database next
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
	_ SMSSender = (*SMSOutbox)(nil)
)
