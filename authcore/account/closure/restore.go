package closure

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Path is of the page that the link of the mail opens, below the portal.
const Path = "/restore"

// schedule has the account deleted when the grace is over, and tells its owner with a link that takes it back.
func (f *Flow) schedule(ctx context.Context, account uuid.UUID, c authcore.Client) (deletesAt time.Time, err error) {
	a, err := f.cfg.Store.AccountByID(ctx, account)
	if err != nil {
		return deletesAt, refusal(err)
	}
	if c.Portal == "" {
		// A link under a guessed host would hand its token to whoever sent the Host header.
		return deletesAt, errors.New("compose link: the portal's address is not known")
	}
	now, token := f.now(), secret.Token()
	ch, err := f.cfg.Challenges.New(authcore.PurposeRestore, identifier.AccountKey(account), account)
	if err != nil {
		return deletesAt, err
	}
	ch.TokenDigest, ch.CodeDigest = secret.SumString(token), secret.Digest(secret.Random(32))
	ch.ExpiresAt = now.Add(f.cfg.Grace)
	event := audit.Event(authcore.EventDeletionRequested, account, c, now)
	fx := authcore.Effects{Events: []authcore.Event{event}}
	err = f.cfg.Notices.Security(ctx, &fx, notice.Notice{Kind: authcore.MailDeletionScheduled, Event: event, Account: a,
		Undo: notice.Undo{Deletion: true}, Client: c, Link: strings.TrimSuffix(c.Portal, "/") + Path + "?token=" + token, LinkExpiry: f.cfg.Grace})
	if err != nil {
		return deletesAt, err
	}
	err = f.cfg.Store.ScheduleDeletion(ctx, authcore.DeletionRequest{AccountID: account, DeletesAt: ch.ExpiresAt, Restore: ch, Now: now, Effects: fx})
	if err != nil {
		return deletesAt, refusal(err)
	}
	return ch.ExpiresAt, nil
}

// Restore takes a deletion back by the token of the mail's link. It signs nobody in. Refusals: [authcore.InvalidCode], also once the
// account is deleted, or restored; [authcore.Unavailable].
func (f *Flow) Restore(ctx context.Context, token string, c authcore.Client) error {
	if token == "" {
		return challenge.Refuse()
	}
	ch, err := f.cfg.Challenges.Prove(ctx, authcore.PurposeRestore, challenge.Credentials{Token: token})
	if err != nil {
		return err
	}
	err = f.cfg.Store.RestoreAccount(ctx, authcore.Restoration{ChallengeID: ch.ID, Now: f.now(),
		Effects: func(a authcore.Account) (authcore.Effects, error) {
			return f.tell(authcore.MailAccountRestored, authcore.EventAccountRestored, a, c)
		}})
	if errors.Is(err, authcore.ErrNotFound) { // another request was faster
		return challenge.Refuse()
	}
	if err != nil {
		return fmt.Errorf("restore account: %w", err)
	}
	return nil
}
