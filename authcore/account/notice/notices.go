package notice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Lifetime is how long a link works.
const Lifetime = 7 * 24 * time.Hour

// Path is of the page that a link opens, below the portal.
const Path = "/secure"

// Config is what Notices need; all of it is required.
type Config struct {
	Store  Store
	Mailer challenge.Mailer
	// MayText counts an SMS to a verified number, and reports whether it may be sent.
	MayText func(ctx context.Context, number string) (bool, error)
	Sealer  *secret.Sealer
	Now     authcore.Clock
}

// Store is what Notices read.
type Store interface {
	// OpenContactLinks returns the links of the account that can still be used and are of a change of its address or number, the
	// one of the earliest event first.
	OpenContactLinks(ctx context.Context, account uuid.UUID, now time.Time) ([]authcore.SecurityLink, error)
}

// Notices write to the owners of accounts. They are safe for concurrent use.
type Notices struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Notices, error) {
	if cfg.Store == nil || cfg.Mailer == nil || cfg.MayText == nil || cfg.Sealer == nil || cfg.Now == nil {
		return nil, errors.New("notice: store, mailer, the count of SMS, sealer and clock are required")
	}
	return &Notices{cfg: cfg}, nil
}

// Notice is what the owner of an account is told.
type Notice struct {
	Kind    authcore.MailKind
	Event   authcore.Event   // that it tells of; links rank by its At
	Account authcore.Account // as it was before the event
	Undo    Undo             // what the event has changed
	Client  authcore.Client  // who caused it
	// Link is another link that the mail carries besides, in full, and how long it works; "" for none.
	Link       string
	LinkExpiry time.Duration
}

// Security appends the mail of the notice to fx, and the link "This was not me" that it carries. It goes to the account's verified
// address; while the link of a change of address or number is open it goes to where that one went, and to the account's present
// address without the link. Where there is no such address, a kind that cannot be switched off goes by SMS to the verified number,
// without a link. Whether somebody is told or not, what the event changed is noted: the link of an earlier event takes it back too. A
// kind that the owner has switched off appends nothing.
//
// It counts against no limit on mails: what causes it is limited by its own call. A kind that does not tell of the event is an
// error of the program.
func (n *Notices) Security(ctx context.Context, fx *authcore.Effects, x Notice) error {
	open, err := n.cfg.Store.OpenContactLinks(ctx, x.Account.ID, n.cfg.Now.Now())
	if err != nil {
		return fmt.Errorf("find open links: %w", err)
	}
	return n.SecurityAmong(ctx, open, fx, x)
}

// SecurityAmong is Security for whoever has read the account's open links of changes of address or number (OpenContactLinks).
func (n *Notices) SecurityAmong(ctx context.Context, open []authcore.SecurityLink, fx *authcore.Effects, x Notice) error {
	rule, err := ruleOf(x)
	if err != nil {
		return err
	}
	if rule.muted(x) {
		return nil
	}
	present := x.Account.VerifiedEmail()
	former, err := n.formerAddress(open)
	if err != nil {
		return err
	}
	to := cmp.Or(former, present)
	if to == "" {
		if err := n.text(ctx, fx, x, rule); err != nil || x.Undo == (Undo{}) {
			return err
		}
	}
	token := secret.Token()
	link := authcore.SecurityLink{
		ID: uuid.Must(uuid.NewV7()), AccountID: x.Account.ID, TokenDigest: secret.SumString(token), Kind: x.Kind,
		Contact: x.Undo.contact(), At: x.Event.At, ExpiresAt: x.Event.At.Add(Lifetime),
	}
	if link.Undo, err = n.seal(link, to, x.Undo); err != nil {
		return err
	}
	fx.SecurityLinks = append(fx.SecurityLinks, link)
	if to == "" {
		return nil
	}
	if err := n.compose(fx, x, challenge.Recipient{Address: to, Name: x.Account.Name()}, token); err != nil {
		return err
	}
	if present != "" && present != to {
		return n.compose(fx, x, challenge.Recipient{Address: present, Name: x.Account.Name()}, "")
	}
	return nil
}

// text tells the owner of the verified number, as the account was before the event.
func (n *Notices) text(ctx context.Context, fx *authcore.Effects, x Notice, r rule) error {
	if r.optional || x.Account.Phone == "" || x.Account.PhoneVerifiedAt.IsZero() {
		return nil
	}
	may, err := n.cfg.MayText(ctx, x.Account.Phone)
	if err != nil || !may {
		return err
	}
	return n.compose(fx, x, challenge.Recipient{Channel: authcore.BySMS, Address: x.Account.Phone}, "")
}

// formerAddress returns where links go while one of a change of address or number is open; "" while none is. Whoever changed the
// address can otherwise read the link of the next event at the new one, and lock the owner out with it.
func (n *Notices) formerAddress(open []authcore.SecurityLink) (string, error) {
	for _, l := range open {
		_, to, err := n.Open(l)
		if err != nil || to != "" {
			return to, err
		}
	}
	return "", nil
}

// Tell appends a mail of the notice without a link to fx, to an address that the caller knows to be the owner's.
func (n *Notices) Tell(fx *authcore.Effects, x Notice, to challenge.Recipient) error {
	return n.compose(fx, x, to, "")
}

func (n *Notices) compose(fx *authcore.Effects, x Notice, to challenge.Recipient, token string) error {
	m := authcore.Message{
		Kind: x.Kind, Channel: to.Channel, AccountID: x.Account.ID, To: to.Address, Name: to.Name, Addr: audit.Addr(x.Client), Device: challenge.Device(x.Client),
		At: x.Event.At, Lang: cmp.Or(x.Account.Locale, x.Client.Lang),
	}
	if token != "" {
		if x.Client.Portal == "" {
			// A link under a guessed host would hand its token to whoever sent the Host header.
			return errors.New("compose link: the portal's address is not known")
		}
		m.Link, m.LinkExpiry = strings.TrimSuffix(x.Client.Portal, "/")+Path+"?token="+token, Lifetime
	}
	if x.Link != "" && m.Channel != authcore.BySMS {
		m.Link, m.LinkExpiry, m.NotMe = x.Link, x.LinkExpiry, m.Link
	}
	mail, err := n.cfg.Mailer.Compose(m)
	if err != nil {
		return fmt.Errorf("compose %s message: %w", x.Kind, err)
	}
	fx.Mails = append(fx.Mails, mail)
	return nil
}
