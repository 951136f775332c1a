package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notification"
)

var notifications = []promise{
	{"what is switched off is what was chosen last, by who knew what it was before", changeMuted},
	{"of 100 who choose at once from the same state, one wins", changeMutedRace},
}

// aMutedChange switches a kind off that was on.
func aMutedChange(a authcore.Account, kind string) notification.Change {
	event := anEvent(authcore.EventNotifications, start)
	event.AccountID = a.ID
	return notification.Change{AccountID: a.ID, To: []string{kind}, Since: start.Add(-time.Hour), Most: 2, Now: start.Add(time.Minute),
		Effects: authcore.Effects{Events: []authcore.Event{event}, Mails: []authcore.Mail{aMail()}}}
}

func changeMuted(t *testing.T, s Store) {
	ctx := t.Context()
	a, other := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	is := func(want ...string) {
		t.Helper()
		got, err := s.AccountByID(ctx, a.ID)
		must(t, err)
		if len(got.Muted) != len(want) || len(want) > 0 && got.Muted[0] != want[0] {
			t.Errorf("switched off is %q, want %q", got.Muted, want)
		}
	}
	must(t, s.ChangeMuted(ctx, aMutedChange(a, "new_device")))
	is("new_device")
	wants(t, s.ChangeMuted(ctx, aMutedChange(a, "other")), notification.ErrChanged)
	back := aMutedChange(a, "")
	back.From, back.To = []string{"new_device"}, nil
	must(t, s.ChangeMuted(ctx, back))
	is()
	wants(t, s.ChangeMuted(ctx, aMutedChange(a, "new_device")), notification.ErrLimit)
	later := aMutedChange(a, "new_device")
	later.Since = start
	must(t, s.ChangeMuted(ctx, later))
	is("new_device")
	if n, _, err := s.OutboxDepth(ctx); err != nil || n != 3 {
		t.Errorf("%d mails (%v), want one of each change", n, err)
	}
	wants(t, s.ChangeMuted(ctx, aMutedChange(authcore.Account{ID: uuid.New()}, "new_device")), authcore.ErrNotFound)
	_, err := s.ChangeDisabled(ctx, aDisabling(other, true))
	must(t, err)
	wants(t, s.ChangeMuted(ctx, aMutedChange(other, "new_device")), authcore.ErrNotFound)
}

func changeMutedRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	win(t, 1, notification.ErrChanged, atOnce(100, func(int) error { return s.ChangeMuted(t.Context(), aMutedChange(a, "new_device")) }))
}
