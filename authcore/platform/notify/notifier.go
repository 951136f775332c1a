package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Store is the queue of mails and SMS.
type Store interface {
	// ClaimMail returns up to limit mails that are due and hides them from other workers for lease.
	ClaimMail(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error)
	// ClaimSMS is the same for SMS.
	ClaimSMS(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]authcore.Mail, error)
	// MailSent removes the content of a mail or SMS; it is never sent again.
	MailSent(ctx context.Context, id uuid.UUID, now time.Time) error
	// MailFailed makes it due again at next; with drop it is given up.
	MailFailed(ctx context.Context, id uuid.UUID, next time.Time, drop bool) error
	// OutboxDepth returns how many mails wait and since when the oldest does (zero time for none).
	OutboxDepth(ctx context.Context) (int, time.Time, error)
	// SMSDepth is the same for SMS.
	SMSDepth(ctx context.Context) (int, time.Time, error)
}

// Config is what a [Notifier] needs.
type Config struct {
	Store  Store          // required
	Sealer *secret.Sealer // required
	Sender Sender         // required
	Head   Letterhead
	// Templates replace our own; the zero value replaces none.
	Templates Templates
	// Timeout is how long sending one letter may take; zero means 20 s. A letter in the hands of a node that dies is
	// taken over by another ten seconds after that.
	Timeout time.Duration
	Count   func(Outcome) // told of every end of a try, from the worker; may be nil

	// Told is told of each code of an account that went out, or that its recipient's server refused for good, from the worker; it may be
	// nil. An error is logged.
	Told func(ctx context.Context, m authcore.Mail, sent bool) error

	SMS        SMSSender     // nil: no SMS are composed or sent
	SMSTimeout time.Duration // of one SMS; zero means 10 s
	CountSMS   func(Outcome) // as Count

	Logger *slog.Logger     // nil means slog.Default
	Now    func() time.Time // nil means time.Now
}

// Letterhead is what all letters have in common.
type Letterhead struct {
	From     string // address mails come from; default no-reply@localhost
	FromName string // name shown beside it; default the brand
	Brand    string // what mails call the site; default Gatehouse
}

// Outcome is how trying to send a mail ended.
type Outcome int

// The outcomes.
const (
	Sent    Outcome = iota
	Failed          // it will be tried again
	Dropped         // it was refused for good, or what it says has expired
)

// Notifier seals messages for the outbox and sends what is in it. It is safe for
// concurrent use; several may work on one store, each mail goes out once.
type Notifier struct {
	store     Store
	sealer    *secret.Sealer
	sender    Sender
	texts     SMSSender // nil: none
	head      Letterhead
	templates Templates
	told      func(ctx context.Context, m authcore.Mail, sent bool) error
	logger    *slog.Logger
	now       func() time.Time
	using     sync.RWMutex // held for reading while the sender sends, for writing while it rests
	mail      *lane
	sms       *lane // nil: none
}

const (
	// SealPurpose is what mails in the outbox are sealed for.
	SealPurpose       = "mail"
	maxName           = 64
	defaultTimeout    = 20 * time.Second
	defaultSMSTimeout = 10 * time.Second
)

// New returns a notifier; its worker starts with [Notifier.Run].
func New(cfg Config) (*Notifier, error) {
	if cfg.Store == nil || cfg.Sealer == nil || cfg.Sender == nil {
		return nil, errors.New("a notifier needs a store, a sealer and a sender")
	}
	n := &Notifier{store: cfg.Store, sealer: cfg.Sealer, sender: cfg.Sender, texts: cfg.SMS, head: cfg.Head, templates: cfg.Templates, logger: cfg.Logger, now: cfg.Now}
	n.head.From = cmp.Or(n.head.From, "no-reply@localhost")
	n.head.Brand = cmp.Or(n.head.Brand, "Gatehouse")
	n.head.FromName = cmp.Or(n.head.FromName, n.head.Brand)
	if n.logger == nil {
		n.logger = slog.Default()
	}
	if n.told = cfg.Told; n.told == nil {
		n.told = func(context.Context, authcore.Mail, bool) error { return nil }
	}
	if n.now == nil {
		n.now = time.Now
	}
	n.mail = &lane{Notifier: n, channel: authcore.ByEmail, title: "mail", noun: "a mail", timeout: cmp.Or(cfg.Timeout, defaultTimeout),
		count: counter(cfg.Count), claim: n.store.ClaimMail, depth: n.store.OutboxDepth, bring: n.bringMail, rest: n.rest,
		nudges: make(chan struct{}, 1)}
	if n.texts != nil {
		n.sms = &lane{Notifier: n, channel: authcore.BySMS, title: "SMS", noun: "an SMS", timeout: cmp.Or(cfg.SMSTimeout, defaultSMSTimeout),
			count: counter(cfg.CountSMS), claim: n.store.ClaimSMS, depth: n.store.SMSDepth, bring: n.bringSMS, rest: func() {},
			nudges: make(chan struct{}, 1)}
	}
	return n, n.head.check()
}

func counter(count func(Outcome)) func(Outcome) {
	if count == nil {
		return func(Outcome) {}
	}
	return count
}

// lanes returns the one of each channel that there is.
func (n *Notifier) lanes() []*lane {
	if n.sms == nil {
		return []*lane{n.mail}
	}
	return []*lane{n.mail, n.sms}
}

func (h Letterhead) check() error {
	if err := CheckAddress(h.From); err != nil {
		return fmt.Errorf("sender address of mails: %w", err)
	}
	if !printable(h.Brand, maxName) || !printable(h.FromName, maxName) {
		return fmt.Errorf("brand and sender name of mails must be one line of at most %d bytes", maxName)
	}
	return nil
}

// content is what is sealed. The id is in it so that the content of one row of the
// outbox is worth nothing in another.
type content struct {
	ID      uuid.UUID
	Message authcore.Message
}

// Compose implements challenge.Mailer. It refuses an unknown kind, a recipient that is
// not exactly one plain address or number, a code that is not one word, a link that is not an
// absolute http(s) URL, and an SMS where none can be sent or of a kind that has no words for one; no error quotes any of them.
func (n *Notifier) Compose(m authcore.Message) (authcore.Mail, error) {
	m.Channel = cmp.Or(m.Channel, authcore.ByEmail)
	if m.Channel == authcore.BySMS && n.texts == nil {
		return authcore.Mail{}, fmt.Errorf("composing a %s message: no SMS can be sent (option sms)", m.Kind)
	}
	if err := check(m); err != nil {
		return authcore.Mail{}, fmt.Errorf("composing a %s message: %w", m.Kind, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return authcore.Mail{}, fmt.Errorf("composing a %s message: %w", m.Kind, err)
	}
	plain, err := json.Marshal(content{ID: id, Message: m})
	if err != nil {
		return authcore.Mail{}, fmt.Errorf("composing a %s message: %w", m.Kind, err)
	}
	sealed, err := n.sealer.Seal(SealPurpose, plain)
	if err != nil {
		return authcore.Mail{}, fmt.Errorf("composing a %s message: %w", m.Kind, err)
	}
	return authcore.Mail{ID: id, Kind: m.Kind, Channel: m.Channel, AccountID: m.AccountID, Sealed: sealed, CreatedAt: n.now()}, nil
}

func check(m authcore.Message) error {
	if _, known := kinds[m.Kind]; !known {
		return errors.New("there is no such kind of mail")
	}
	if m.Channel == authcore.BySMS {
		if err := checkSMS(m); err != nil {
			return err
		}
	} else if err := CheckAddress(m.To); err != nil {
		return fmt.Errorf("recipient: %w", err)
	}
	if !printable(m.Lang, maxLang) {
		return errors.New("the language is no tag")
	}
	// Alone on a line: a break or blank in it would make another line or word of it.
	if m.Code != "" && (!printable(m.Code, 64) || strings.ContainsAny(m.Code, " ")) {
		return errors.New("the code is not one word")
	}
	for _, link := range []string{m.Link, m.NotMe} {
		if link != "" && !isURL(link) {
			return errors.New("the link is not an absolute URL")
		}
	}
	return nil
}

func isURL(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http") && printable(link, 900) && !strings.ContainsAny(link, " <>\"")
}

// Nudge implements challenge.Mailer.
func (n *Notifier) Nudge() {
	for _, l := range n.lanes() {
		select {
		case l.nudges <- struct{}{}:
		default: // a nudge is waiting already; the worker will see these mails too
		}
	}
}

// CanReach returns false for an address to which the sender is known to be unable to send. It does not wait.
func (n *Notifier) CanReach(address string) bool {
	r, ok := n.sender.(Reacher)
	return !ok || r.CanReach(address)
}

// Health returns what the worker saw at its last look: how many mails wait, for how long
// the oldest has, and the last error ("" while mails go out); the error names no
// recipient.
func (n *Notifier) Health() (waiting int, oldest time.Duration, lastErr string) { return n.mail.seen() }

// SMSHealth is the same for SMS; on is false where none can be sent.
func (n *Notifier) SMSHealth() (waiting int, lastErr string, on bool) {
	if n.sms == nil {
		return 0, "", false
	}
	waiting, _, lastErr = n.sms.seen()
	return waiting, lastErr, true
}

// bringMail renders a mail and hands it to the sender.
func (n *Notifier) bringMail(ctx context.Context, m authcore.Mail, text authcore.Message) error {
	letter, err := n.render(text)
	if err != nil {
		return fmt.Errorf("rendering: %w", err)
	}
	letter.Again = m.Attempts > 0
	n.identify(&letter, m.ID)
	n.using.RLock()
	defer n.using.RUnlock()
	return n.sender.Send(ctx, letter)
}

// rest lets the sender close what it keeps open between letters, unless it is sending: then the one who waits for that
// comes here afterwards.
func (n *Notifier) rest() {
	if r, ok := n.sender.(Rester); ok && n.using.TryLock() {
		defer n.using.Unlock()
		r.Rest()
	}
}

// identify gives a letter its ids and date.
func (n *Notifier) identify(l *Letter, id uuid.UUID) {
	l.ID, l.Date = id, n.now()
	// Of a mail that goes out twice, since the node died in between, the reader sees one.
	l.MessageID = id.String() + n.head.From[strings.LastIndexByte(n.head.From, '@'):]
}
