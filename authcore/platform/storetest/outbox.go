package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var outbox = []promise{
	{"8 workers claim each mail once", mailRace},
	{"a lease runs out, a failure is due again, a sent mail never", mailLife},
	{"a dummy is written and never claimed", mailDummy},
}

func mailRace(t *testing.T, s Store) {
	fx := mails(60)
	must(t, s.Record(t.Context(), fx))
	claimed := make([][]authcore.Mail, 8)
	countErrors(t, atOnce(len(claimed), func(i int) error {
		for {
			got, err := s.ClaimMail(t.Context(), start, time.Minute, 7)
			if err != nil || len(got) == 0 {
				return err
			}
			if len(got) > 7 {
				return fmt.Errorf("%d mails for a limit of 7", len(got))
			}
			claimed[i] = append(claimed[i], got...)
		}
	}))
	times := map[uuid.UUID]int{}
	for _, list := range claimed {
		for _, m := range list {
			times[m.ID]++
		}
	}
	for _, m := range fx.Mails {
		if times[m.ID] != 1 {
			t.Errorf("a mail was claimed %d times", times[m.ID])
		}
	}
}

func claimed(t testing.TB, s Store, after time.Duration) []authcore.Mail {
	t.Helper()
	list, err := s.ClaimMail(t.Context(), start.Add(after), time.Minute, 10)
	must(t, err)
	return list
}

func mailLife(t *testing.T, s Store) {
	want := aMail()
	must(t, s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{want}}))
	if diff := cmp.Diff([]authcore.Mail{want}, claimed(t, s, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := claimed(t, s, time.Minute-time.Microsecond); len(list) != 0 {
		t.Errorf("claimed during the lease: %v", list)
	}
	want.Attempts = 1
	if diff := cmp.Diff([]authcore.Mail{want}, claimed(t, s, time.Minute)); diff != "" {
		t.Errorf("after the lease (-want +got):\n%s", diff)
	}
	must(t, s.MailFailed(t.Context(), want.ID, start.Add(time.Hour), false))
	if list := claimed(t, s, time.Hour-time.Microsecond); len(list) != 0 {
		t.Errorf("claimed before it is due again: %v", list)
	}
	if n, oldest, err := s.OutboxDepth(t.Context()); err != nil || n != 1 || !oldest.Equal(start) {
		t.Errorf("%d wait since %v (%v), want 1", n, oldest, err)
	}
	if list := claimed(t, s, time.Hour); len(list) != 1 || list[0].Attempts != 2 {
		t.Errorf("%+v, want the mail with 2 tries behind it", list)
	}
	must(t, s.MailSent(t.Context(), want.ID, start.Add(time.Hour)))
	// A worker that was too slow must not bring it back.
	must(t, s.MailFailed(t.Context(), want.ID, start, false))
	dropped := aMail()
	must(t, s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{dropped}}))
	must(t, s.MailFailed(t.Context(), dropped.ID, time.Time{}, true))
	if list := claimed(t, s, 1000*time.Hour); len(list) != 0 {
		t.Errorf("claimed after their end: %v", list)
	}
	if n, oldest, err := s.OutboxDepth(t.Context()); err != nil || n != 0 || !oldest.IsZero() {
		t.Errorf("%d wait since %v (%v), want none", n, oldest, err)
	}
}

func mailDummy(t *testing.T, s Store) {
	dummy, genuine := aMail(), aMail()
	dummy.Dummy = true
	ch := aChallenge(authcore.PurposeResetPassword, subject, "1")
	must(t, s.IssueChallenge(t.Context(), ch, authcore.Effects{Mails: []authcore.Mail{dummy, genuine}}))
	if n, oldest, err := s.OutboxDepth(t.Context()); err != nil || n != 1 || !oldest.Equal(start) {
		t.Errorf("%d wait since %v (%v), want 1", n, oldest, err)
	}
	// That there is a row shows by its id, which no other can take.
	if err := s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{dummy}}); err == nil {
		t.Error("the dummy was not written")
	}
	must(t, s.MailFailed(t.Context(), dummy.ID, start, false))
	if diff := cmp.Diff([]authcore.Mail{genuine}, claimed(t, s, 0)); diff != "" {
		t.Errorf("claimed (-want +got):\n%s", diff)
	}
}
