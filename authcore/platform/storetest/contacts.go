package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
)

var contacts = []promise{
	{"a number is removed with its effects, or not at all", contactRemoved},
}

func contactRemoved(t *testing.T, s Store) {
	a := anAccount("anna")
	a.Phone, a.PhoneVerifiedAt, a.PendingPhone, a.PendingPhoneUntil = "+4312345678", start, "+4387654321", start.Add(time.Hour)
	must(t, s.CreateAccount(t.Context(), a, nil, authcore.Effects{}))
	refusal := errors.New("refused")
	remove := func(id uuid.UUID, refused error) (authcore.Account, error) {
		return s.RemoveContact(t.Context(), contact.Removal{AccountID: id, Channel: authcore.BySMS, Now: start.Add(time.Minute),
			Prepare: func(held authcore.Account) (authcore.Effects, error) {
				if held.Phone != a.Phone {
					t.Errorf("asked about %q", held.Phone)
				}
				return mails(1), refused
			}})
	}
	_, err := remove(a.ID, refusal)
	wants(t, err, refusal)
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.Phone != a.Phone {
		t.Errorf("after a refusal the number is %q (%v)", got.Phone, err)
	}
	got, err := remove(a.ID, nil)
	must(t, err)
	if got.Phone != "" || !got.PhoneVerifiedAt.IsZero() || got.PendingPhone != "" || !got.PendingPhoneUntil.IsZero() || got.Email != a.Email {
		t.Errorf("got %+v", got)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
	_, err = remove(uuid.New(), nil)
	wants(t, err, authcore.ErrNotFound)
}
