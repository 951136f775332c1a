package challenge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Config is what an Issuer needs. Zero numbers and durations, and functions that are nil, mean the defaults: 6 digits, 10 minutes,
// 5 attempts. Functions are asked at each use and must wait for nothing.
type Config struct {
	Store   Store
	Limiter authcore.Limiter
	Mailer  Mailer
	// Key is the key of the digests of codes, the same on every node and after a restart. It is asked for at each use,
	// since keys may be loaded after New.
	Key      func() secret.MACKey
	Length   int                  // digits of a code, 6 to 12
	Lifetime func() time.Duration // of codes, at most 10 minutes by ASVS 6.5.5, and of those links that do not live longer
	// SMSLifetime is how long a code lives that goes by SMS; 0: as Lifetime.
	SMSLifetime time.Duration
	// ClientKey is what of an address counts as one client; nil: the whole address.
	ClientKey func(netip.Addr) string
	// Reaches returns false for an E.164 number to which nothing may be sent. Nil: SMS are off, and none is composed.
	Reaches func(number string) bool
	// MaySend returns false for what a rule of the operator keeps from being sent anything; nil: none does.
	MaySend func(block.Subject) bool
	// Sent is told of every code that was composed for somebody, once it is committed; it may be nil.
	Sent     func(by authcore.Channel, p authcore.Purpose)
	Attempts func() int // wrong codes per purpose and subject in an hour
	Now      authcore.Clock
}

// Store keeps codes and links.
type Store interface {
	// ProveCode tests a code against the live challenge, as one atomic statement: a wrong code costs one attempt, a right
	// one costs nothing and does not consume it. Where binding is that of the challenge, the attempt is one of those that are kept for
	// it, and the others are not asked for; zero is that of none. ErrSpentCode: none is live, and the last one had that code. ErrNotFound:
	// none is live. ErrWrongCode. ErrNoAttempts.
	ProveCode(ctx context.Context, purpose authcore.Purpose, subject string, code, binding secret.Digest, now time.Time) (authcore.Challenge, error)
	// ProveToken finds the live challenge of a link, whatever attempts are left: they are for codes. ErrNotFound.
	ProveToken(ctx context.Context, purpose authcore.Purpose, token secret.Digest, now time.Time) (authcore.Challenge, error)
}

// Mailer prepares mails for the outbox.
type Mailer interface {
	// Compose seals a message for the outbox.
	Compose(m authcore.Message) (authcore.Mail, error)
}

// budgetWindow is how long spent attempts stay spent. It is far longer than a code lives, so that asking for new codes
// does not buy new guesses.
const budgetWindow = time.Hour

// Issuer makes, limits and proves challenges. It is safe for concurrent use.
type Issuer struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Issuer, error) {
	if cfg.Store == nil || cfg.Limiter == nil || cfg.Mailer == nil || cfg.Key == nil || cfg.Now == nil {
		return nil, errors.New("challenge: store, limiter, mailer, key and clock are required")
	}
	cfg.Length = cmp.Or(cfg.Length, 6)
	if cfg.Attempts == nil {
		cfg.Attempts = func() int { return 5 }
	}
	if cfg.Lifetime == nil {
		cfg.Lifetime = func() time.Duration { return 10 * time.Minute }
	}
	if cfg.ClientKey == nil {
		cfg.ClientKey = netip.Addr.String
	}
	if cfg.MaySend == nil {
		cfg.MaySend = func(block.Subject) bool { return true }
	}
	if cfg.Sent == nil {
		cfg.Sent = func(authcore.Channel, authcore.Purpose) {}
	}
	if cfg.Length < 6 || cfg.Length > 12 {
		return nil, errors.New("challenge: a code must have 6 to 12 digits") // 20 bits at least, ASVS 6.5.4
	}
	if cfg.Attempts() < 1 || min(cfg.Lifetime(), cmp.Or(cfg.SMSLifetime, time.Second)) < time.Second {
		return nil, errors.New("challenge: attempts must be at least 1 and the lifetime at least 1s")
	}
	return &Issuer{cfg: cfg}, nil
}

// Lifetime returns how long codes live that go by mail.
func (d *Issuer) Lifetime() time.Duration { return d.cfg.Lifetime() }

// LifetimeBy returns how long codes live that go by a channel.
func (d *Issuer) LifetimeBy(by authcore.Channel) time.Duration {
	if by == authcore.BySMS && d.cfg.SMSLifetime > 0 {
		return d.cfg.SMSLifetime
	}
	return d.Lifetime()
}

// SMS reports whether codes and notices can go by SMS.
func (d *Issuer) SMS() bool { return d.cfg.Reaches != nil }

// linkLifetime returns how long a link lives, which is never less than its code.
func (d *Issuer) linkLifetime(p authcore.Purpose) time.Duration {
	return max(purposes[p].Link, d.Lifetime())
}

// Recipient is whom a challenge's mail or SMS goes to.
type Recipient struct {
	Channel authcore.Channel // "" is authcore.ByEmail
	Address string           // normalised: an e-mail address, or a number in E.164
	// Name greets in mails; it must be "" unless the owner of the address chose it. Else a stranger who signs somebody else up
	// could put words into our mail.
	Name    string
	Account uuid.UUID // whose it is; zero where there is none (yet)
	Lang    string    // that they have chosen (BCP 47); "": that of who asks
}

// issue makes a challenge and the mail that carries its code and link, or the SMS that carries its code: a text of ours has no
// link that anybody could put another in the place of. Nothing is stored: the caller does that in the
// transaction of its change. account is uuid.Nil where there is none.
//
// Whoever shows its binding has a budget of attempts of their own.
func (d *Issuer) issue(r Request, account uuid.UUID, to Recipient) (authcore.Challenge, authcore.Mail, error) {
	p, subject, c := r.Purpose, r.Subject, r.Client
	row, err := lookup(p)
	if err != nil {
		return authcore.Challenge{}, authcore.Mail{}, err
	}
	if row.Mail == "" {
		return authcore.Challenge{}, authcore.Mail{}, fmt.Errorf("challenge purpose %q has no mail", p)
	}
	if c.Portal == "" {
		// A link under a guessed host would hand its token to whoever sent the Host header.
		return authcore.Challenge{}, authcore.Mail{}, errors.New("compose link: the portal's address is not known")
	}
	code, token := secret.Code(d.cfg.Length), secret.Token()
	ch := d.fresh(p, subject, account)
	ch.CodeDigest, ch.TokenDigest = d.digest(p, subject, code), secret.SumString(token)
	life := d.LifetimeBy(to.Channel)
	ch.CodeExpiresAt = ch.CreatedAt.Add(life)
	d.bind(&ch, r.Binding)
	ch.InvitationID = r.Invitation
	if row.Bound {
		ch.SentTo = to.Address
	}
	m := authcore.Message{
		Kind: row.Mail, Channel: to.Channel, AccountID: account, To: to.Address, Name: to.Name, Code: code,
		Expiry: life, LinkExpiry: d.linkLifetime(p), Addr: audit.Addr(c), Device: Device(c), At: ch.CreatedAt, Lang: cmp.Or(to.Lang, c.Lang),
	}
	if to.Channel == authcore.BySMS {
		ch.ExpiresAt = ch.CodeExpiresAt
		m.LinkExpiry, m.Host = 0, hostOf(c.Portal)
	} else if row.Path != "" && !r.CodeAlone {
		m.Link = strings.TrimSuffix(c.Portal, "/") + row.Path + "?token=" + token
		if r.Return != "" {
			m.Link += "&rd=" + url.QueryEscape(r.Return)
		}
	}
	mail, err := d.cfg.Mailer.Compose(m)
	if err != nil {
		return authcore.Challenge{}, authcore.Mail{}, fmt.Errorf("compose %s message: %w", row.Mail, err)
	}
	return ch, mail, nil
}

// hostOf returns the host of a URL without its port, as it stands behind the '@' of an SMS.
func hostOf(portal string) string {
	u, err := url.Parse(portal)
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(u.Host, ":"+u.Port())
}

// nobody stands for the recipient of a mail or SMS that is not sent. The name cannot exist (RFC 2606), the number has a country code
// that is no country's (ITU-T E.164 Annex A: spare).
var nobody = map[authcore.Channel]string{authcore.ByEmail: "nobody@mail.invalid", authcore.BySMS: "+9990000000"}

// Nobody returns the recipient of a mail or SMS that is composed for the time that it takes, and not sent.
func Nobody(by authcore.Channel) string { return nobody[by] }

// bind gives a challenge its binding, and the budget of attempts of whoever shows it; "" for none.
func (d *Issuer) bind(ch *authcore.Challenge, binding string) {
	if binding != "" {
		ch.Binding, ch.BoundLeft, ch.BoundResetAt = secret.SumString(binding), d.cfg.Attempts(), ch.CreatedAt.Add(budgetWindow)
	}
}

// Unredeemable returns a challenge that nobody can prove: its digests are random.
func (d *Issuer) Unredeemable(p authcore.Purpose, subject string) authcore.Challenge {
	ch := d.fresh(p, subject, uuid.Nil)
	ch.CodeDigest, ch.TokenDigest = secret.Digest(secret.Random(32)), secret.Digest(secret.Random(32))
	return ch
}

// Notification composes a mail or SMS of the given kind that carries no code.
func (d *Issuer) Notification(kind authcore.MailKind, to Recipient, c authcore.Client) (authcore.Mail, error) {
	mail, err := d.cfg.Mailer.Compose(authcore.Message{
		Kind: kind, Channel: to.Channel, AccountID: to.Account, To: to.Address, Name: to.Name, Link: strings.TrimSuffix(c.Portal, "/"),
		Addr: audit.Addr(c), Device: Device(c), At: d.now(), Lang: cmp.Or(to.Lang, c.Lang),
	})
	if err != nil {
		return authcore.Mail{}, fmt.Errorf("compose %s message: %w", kind, err)
	}
	return mail, nil
}

// New returns a challenge of a purpose that no mail carries. The caller, who hands its token out otherwise, sets both
// digests. It has no attempts: there is no code to guess.
func (d *Issuer) New(p authcore.Purpose, subject string, account uuid.UUID) (authcore.Challenge, error) {
	row, err := lookup(p)
	if err != nil {
		return authcore.Challenge{}, err
	}
	ch := d.fresh(p, subject, account)
	ch.AttemptsLeft, ch.AttemptsResetAt = 0, time.Time{}
	if row.Life > 0 {
		ch.ExpiresAt = ch.CreatedAt.Add(row.Life)
	}
	return ch, nil
}

func (d *Issuer) fresh(p authcore.Purpose, subject string, account uuid.UUID) authcore.Challenge {
	now := d.now()
	return authcore.Challenge{
		ID: uuid.Must(uuid.NewV7()), Purpose: p, Subject: subject, AccountID: account,
		AttemptsLeft: d.cfg.Attempts(), AttemptsResetAt: now.Add(budgetWindow),
		CreatedAt: now, ExpiresAt: now.Add(d.linkLifetime(p)),
	}
}

// digest binds a code to its purpose and subject: a code is worth nothing elsewhere, even if somebody moves its row.
func (d *Issuer) digest(p authcore.Purpose, subject, code string) secret.Digest {
	return d.cfg.Key().Derive("code").MAC([]byte(p), []byte(subject), []byte(code))
}

func (d *Issuer) now() time.Time { return d.cfg.Now.Now() }
