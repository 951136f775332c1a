package setup

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// LinkLifetime is how long a link is good.
const LinkLifetime = 24 * time.Hour

// subject is one for all: so one link is live at most.
const subject = "setup"

// LinkStore is what links are kept in.
type LinkStore interface {
	// IssueChallenge makes ch the one live challenge of its purpose and subject.
	IssueChallenge(ctx context.Context, ch authcore.Challenge, fx authcore.Effects) error
	// HasAccounts reports whether there is any account.
	HasAccounts(ctx context.Context) (bool, error)
}

// Link is a set-up link that is out.
type Link struct {
	Token     string
	ExpiresAt time.Time
}

// NewLink makes a link, which kills the former.
func NewLink(ctx context.Context, store LinkStore, now authcore.Clock) (Link, error) {
	at := now.Now()
	link := Link{Token: secret.Token(), ExpiresAt: at.Add(LinkLifetime)}
	err := store.IssueChallenge(ctx, authcore.Challenge{
		ID: uuid.Must(uuid.NewV7()), Purpose: authcore.PurposeSetup, Subject: subject,
		CodeDigest: secret.Digest(secret.Random(32)), TokenDigest: secret.SumString(link.Token), // no code: nobody is sent one
		CreatedAt: at, ExpiresAt: link.ExpiresAt,
	}, authcore.Effects{})
	if err != nil {
		return Link{}, fmt.Errorf("make set-up link: %w", err)
	}
	return link, nil
}

// FirstLink makes a link while there is no account at all; ok is false when there is one.
func FirstLink(ctx context.Context, store LinkStore, now authcore.Clock) (link Link, ok bool, err error) {
	has, err := store.HasAccounts(ctx)
	if err != nil {
		return Link{}, false, fmt.Errorf("look for accounts: %w", err)
	}
	if has {
		return Link{}, false, nil
	}
	link, err = NewLink(ctx, store, now)
	return link, err == nil, err
}
