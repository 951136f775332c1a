package sqlstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// Who has lost the right to invite while their invitation was out, also by another configuration or by a change that revokes nothing, has
// invited nobody: the inviter is asked when the invitation is used.
func TestInviterLostTheRight_WhateverItWasBy(t *testing.T) {
	t.Parallel()
	s := migrated(t, sqliteURL(t))
	everybody, nobody := s.WithInviters(authcore.Inviters{Everybody: true}), s.WithInviters(authcore.Inviters{})
	inviter, now := withAccount(t, s), time.Now()
	use := func(with *sqlstore.Store) error {
		id := uuid.Must(uuid.NewV7())
		invitation := authcore.Invitation{ID: id, InviterID: inviter.ID, TokenDigest: secret.SumString(id.String()), CreatedAt: now, ExpiresAt: now.Add(time.Hour)}
		if err := everybody.CreateInvitation(t.Context(), invitation, 0, authcore.Effects{}); err != nil {
			t.Fatal(err)
		}
		guest := account("guest" + id.String()[24:])
		_, err := with.CreateInvited(t.Context(), authcore.SignUp{Invited: authcore.Invited{ID: id}, Account: guest, Create: true, Now: now})
		return err
	}
	if err := use(everybody); err != nil {
		t.Errorf("who may invite: %v", err)
	}
	if err := use(nobody); !errors.Is(err, authcore.ErrInvitation) {
		t.Errorf("where nobody may invite: %v", err)
	}
	sqlstore.Change(t, s, "update users set disabled_at = 1 where id = $1", inviter.ID)
	if err := use(everybody); !errors.Is(err, authcore.ErrInvitation) {
		t.Errorf("an inviter who is disabled: %v", err)
	}
}
