package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

const (
	tick        = 5 * time.Second // how often the outbox is looked at without a nudge
	batch       = 4
	sendTimeout = 20 * time.Second
	// lease must be longer than a whole batch can take: mails are sent one after the
	// other, so that they leave in the order in which they were written.
	lease     = 2 * time.Minute
	firstWait = time.Second
	maxWait   = 15 * time.Minute
	giveUp    = 24 * time.Hour
	markTime  = 5 * time.Second
)

// Run sends due mails until ctx ends: at once after a nudge, else every five seconds. A
// mail that could not be sent is tried again after a second, then after growing waits up
// to a quarter of an hour, for a day at most and never once what it says has expired.
func (n *Notifier) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.nudges:
		case <-timer.C:
		}
		rest, err := n.drain(ctx)
		if err == nil {
			err = n.look(ctx)
		}
		if err != nil {
			n.fault(ctx, err)
		}
		timer.Reset(rest)
	}
}

// drain sends what is due and returns how long to rest.
func (n *Notifier) drain(ctx context.Context) (rest time.Duration, err error) {
	rest = tick
	for ctx.Err() == nil {
		mails, err := n.store.ClaimMail(ctx, n.now(), lease, batch)
		if err != nil {
			return rest, fmt.Errorf("claiming mails: %w", err)
		}
		for _, m := range mails {
			if retry := n.deliver(ctx, m); retry > 0 {
				rest = min(rest, retry)
			}
		}
		if len(mails) < batch {
			return rest, nil
		}
	}
	return rest, ctx.Err()
}

// deliver sends one claimed mail and marks it. It returns after how long the mail is to
// be tried again, zero for never.
func (n *Notifier) deliver(ctx context.Context, m authcore.Mail) (retry time.Duration) {
	attrs := []any{"mail", m.ID, "kind", m.Kind}
	deadline, err := n.send(ctx, m)
	// What has been done must be marked even if the worker is being stopped.
	mark, cancel := context.WithTimeout(context.WithoutCancel(ctx), markTime)
	defer cancel()
	now := n.now()
	switch {
	case err == nil:
		n.cured()
		if err := n.store.MailSent(mark, m.ID, now); err != nil {
			n.fault(ctx, fmt.Errorf("marking a mail as sent: %w", err))
		}
		return 0
	case ctx.Err() != nil:
		if err := n.store.MailFailed(mark, m.ID, now, false); err != nil {
			n.fault(mark, fmt.Errorf("giving a mail back: %w", err))
		}
		return 0
	}
	retry = backoff(m.Attempts)
	drop := errors.Is(err, ErrRefused) || !now.Add(retry).Before(deadline)
	if drop {
		n.logger.ErrorContext(ctx, "mail given up", append(attrs, "error", scrub(err))...)
	}
	n.fault(ctx, err)
	if err := n.store.MailFailed(mark, m.ID, now.Add(retry), drop); err != nil {
		n.fault(ctx, fmt.Errorf("marking a mail as failed: %w", err))
	}
	if drop {
		return 0
	}
	return retry
}

// errExpired says that a mail's code or link no longer works.
var errExpired = fmt.Errorf("what the mail says has expired: %w", ErrRefused)

// send opens, renders and sends a mail, and says until when that makes sense.
func (n *Notifier) send(ctx context.Context, m authcore.Mail) (deadline time.Time, err error) {
	now := n.now()
	deadline = m.CreatedAt.Add(giveUp)
	plain, err := n.sealer.Open(sealPurpose, m.Sealed)
	if err != nil {
		return deadline, fmt.Errorf("opening a mail: %w", err)
	}
	var c content
	if err := json.Unmarshal(plain, &c); err != nil || c.ID != m.ID {
		return deadline, fmt.Errorf("opening a mail: not the content of this mail: %w", ErrRefused)
	}
	if expiry := c.Message.Expiry; expiry > 0 {
		if end := m.CreatedAt.Add(expiry); end.Before(deadline) {
			deadline = end
		}
	}
	if !now.Before(deadline) {
		return deadline, errExpired
	}
	letter, err := n.render(c.Message)
	if err != nil {
		return deadline, fmt.Errorf("rendering a %s mail: %w", m.Kind, err)
	}
	letter.ID, letter.Date, letter.Again = m.ID, now, m.Attempts > 0
	// Of a mail that goes out twice, since the node died in between, the reader sees one.
	letter.MessageID = m.ID.String() + n.from[strings.LastIndexByte(n.from, '@'):]

	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	if err := n.sender.Send(ctx, letter); err != nil {
		return deadline, fmt.Errorf("sending a %s mail: %w", m.Kind, err)
	}
	return deadline, nil
}

// backoff is the wait after so many failed tries: doubled each time, a fifth more or
// less, so that the mails of an outage do not all come back at once.
func backoff(attempts int) time.Duration {
	d := min(firstWait<<min(attempts, 20), maxWait)
	return d - d/5 + rand.N(2*d/5)
}

// look notes how many mails wait.
func (n *Notifier) look(ctx context.Context) error {
	waiting, oldest, err := n.store.OutboxDepth(ctx)
	if err != nil {
		return fmt.Errorf("counting mails: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.health.waiting, n.health.oldest = waiting, oldest
	return nil
}

// fault notes an error, and logs it when it is another one than the last.
func (n *Notifier) fault(ctx context.Context, err error) {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return // the worker is being stopped
	}
	text := scrub(err)
	n.mu.Lock()
	known := n.health.lastErr == text
	n.health.lastErr = text
	n.mu.Unlock()
	if !known {
		n.logger.LogAttrs(ctx, slog.LevelWarn, "mail is delayed", slog.String("error", text))
	}
}

func (n *Notifier) cured() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.health.lastErr = ""
}

var addressLike = regexp.MustCompile(`[^\s<>"'(),;:]+@[^\s<>"'(),;:]+`)

// scrub returns the error's text without addresses: mail servers quote the recipient.
func scrub(err error) string { return addressLike.ReplaceAllString(err.Error(), "[address]") }
