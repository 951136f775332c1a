package caddymodule

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/account/closure"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/factor"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/password"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
)

// stopped makes the flows of commands where no gateway runs: their mails and SMS wait in the database until one starts.
func (d *adminOps) stopped() error {
	counters, err := ratelimit.NewMemory(ratelimit.Config{Now: d.now})
	if err != nil {
		return err
	}
	waiting := notify.Config{Store: d.store, Sealer: d.sealer, Sender: later{}, Head: notify.Letterhead{Brand: d.cfg.brand}, Now: d.now}
	if d.cfg.numbers.Texts {
		waiting.SMS = laterTexts{}
	}
	mailer, err := notify.New(waiting)
	if err != nil {
		return err
	}
	if d.invite, err = d.inviteStopped(mailer, counters); err != nil {
		return err
	}
	if d.factors, err = d.factorsStopped(mailer, counters); err != nil {
		return err
	}
	if err := d.usersStopped(mailer, counters); err != nil {
		return err
	}
	d.blocks, err = d.blocksStopped()
	return err
}

// usersStopped makes what changes and deletes accounts.
func (d *adminOps) usersStopped(mailer challenge.Mailer, counters authcore.Limiter) (err error) {
	challenges, notices, err := d.noticesStopped(mailer, counters)
	if err != nil {
		return err
	}
	d.users, err = admin.NewUsers(admin.UsersConfig{Store: d.store, Directory: d.directory, Mailer: mailer, Notices: notices, Ways: factor.WaysIn{Factors: d.factors},
		Identities: d.cfg.identities, Numbers: d.cfg.numbers, Fields: d.cfg.userFields, Admins: d.cfg.admins, NoPassword: d.cfg.noPassword(), Now: d.now})
	if err != nil {
		return err
	}
	d.resets = &password.Resets{Store: d.store, Challenges: challenges, Off: d.cfg.noPassword(), Now: d.now}
	d.closure, err = closure.New(closure.Config{Store: d.store, Challenges: challenges, Notices: notices, Grace: d.cfg.deletionGrace, Now: d.now})
	return err
}

// noticesStopped makes what tells owners.
func (d *adminOps) noticesStopped(mailer challenge.Mailer, counters authcore.Limiter) (*challenge.Issuer, *notice.Notices, error) {
	codes := challenge.Config{Store: d.store, Limiter: counters, Mailer: mailer, Key: gateway.CodeKey(d.ring), Now: d.now}
	if d.cfg.numbers.Texts {
		codes.Reaches = d.cfg.numbers.Reaches
	}
	challenges, err := challenge.New(codes)
	if err != nil {
		return nil, nil, err
	}
	notices, err := notice.New(notice.Config{Store: d.store, Mailer: mailer, MayText: challenges.MayText, Sealer: d.sealer, Now: d.now})
	return challenges, notices, err
}

// blocksStopped makes what changes block rules.
func (d *adminOps) blocksStopped() (*block.Manager, error) {
	cursors, err := cursor.NewSigner(gateway.Cursors(d.ring))
	if err != nil {
		return nil, err
	}
	blocks, err := block.New(block.Config{Rules: d.cfg.blocks.rules, Allowed: d.cfg.blocks.allowed, Now: d.now})
	if err != nil {
		return nil, err
	}
	return block.NewManager(d.store, blocks, cursors, d.now)
}

// inviteStopped makes the flow by which invitations are made.
func (d *adminOps) inviteStopped(mailer challenge.Mailer, counters authcore.Limiter) (*invite.Flow, error) {
	cursors, err := cursor.NewSigner(gateway.Cursors(d.ring))
	if err != nil {
		return nil, err
	}
	r := d.cfg.invitations
	return invite.New(invite.Config{Store: d.store, Mailer: mailer, Limiter: counters, Cursors: cursors, Admins: d.cfg.admins, Inviters: r.inviters,
		Identities: d.cfg.identities, Numbers: d.cfg.numbers, Texts: uncounted{}, Lifetime: r.lifetime, Pending: r.pending, Now: d.now})
}

// factorsStopped makes the factors of accounts, to remove them.
func (d *adminOps) factorsStopped(mailer challenge.Mailer, counters authcore.Limiter) (*factor.Factors, error) {
	challenges, notices, err := d.noticesStopped(mailer, counters)
	if err != nil {
		return nil, err
	}
	return factor.New(factor.Config{Store: d.store, Challenges: challenges, Notices: notices, Sealer: d.sealer, Key: gateway.RecoveryKey(d.ring),
		Offered: d.cfg.factors, Ways: d.cfg.flowSettings().WaysIn(), Connected: d.connected, Now: d.now})
}

// connected returns a connection of the account, with whichever provider: none is asked while no gateway runs.
func (d *adminOps) connected(ctx context.Context, account uuid.UUID) (uuid.UUID, error) {
	all, err := d.store.AccountConnections(ctx, account)
	if err != nil || len(all) == 0 {
		return uuid.Nil, err
	}
	return all[0].ID, nil
}

var errLater = errors.New("the running gateway sends it")

// later and laterTexts send nothing: what is composed with them waits.
type (
	later      struct{}
	laterTexts struct{}
)

func (later) Send(context.Context, notify.Letter) error { return errLater }

func (laterTexts) Send(context.Context, notify.SMS) (string, error) { return "", errLater }

// uncounted lets whoever runs the gateway send what they want.
type uncounted struct{}

func (uncounted) ReserveText(context.Context, string, authcore.Client) (time.Duration, error) {
	return 0, nil
}
