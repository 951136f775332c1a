package notice

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Locked appends the mail of a lock that wrong passwords have brought, e, to fx; account is nil where nobody is known by what was typed.
// Where nobody is told, one to nobody and a link of nobody are appended: the try that locks must take the same time whether there is such
// an account, and whether its owner wants to know (L01, L02).
func (n *Notices) Locked(ctx context.Context, fx *authcore.Effects, account *authcore.Account, e authcore.Event, c authcore.Client) error {
	if c.Portal == "" {
		return nil // nobody could be given a link
	}
	x := Notice{Kind: authcore.MailAccountLocked, Event: e, Account: authcore.Account{ID: uuid.New()}, Client: c}
	if account != nil && !account.Disabled() {
		x.Account = *account
	}
	mails := len(fx.Mails)
	if err := n.Security(ctx, fx, x); err != nil || len(fx.Mails) > mails {
		return err
	}
	to, nobody := challenge.Recipient{Address: challenge.Nobody(authcore.ByEmail)}, uuid.New()
	token := secret.Token()
	x.Account = authcore.Account{ID: nobody}
	link := authcore.SecurityLink{ID: uuid.Must(uuid.NewV7()), AccountID: nobody, TokenDigest: secret.Digest(secret.Random(32)), Kind: x.Kind,
		At: e.At, ExpiresAt: e.At.Add(Lifetime)}
	var err error
	if link.Undo, err = n.seal(link, to.Address, Undo{}); err != nil {
		return fmt.Errorf("seal link of nobody: %w", err)
	}
	fx.SecurityLinks = append(fx.SecurityLinks, link)
	if err := n.compose(fx, x, to, token); err != nil {
		return err
	}
	fx.Mails[len(fx.Mails)-1].Dummy = true
	return nil
}
