package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var outbox = []promise{
	{"8 workers claim each mail once", mailRace},
	{"8 workers claim each SMS once", smsRace},
	{"a lease runs out, a failure is due again, a sent mail never", mailLife},
	{"so it is with an SMS, and none of them is claimed as the other", smsLife},
	{"a dummy is written and never claimed", mailDummy},
}

// queue is what the outbox has of one channel.
type queue struct {
	channel authcore.Channel
	claim   func(context.Context, time.Time, time.Duration, int) ([]authcore.Mail, error)
	depth   func(context.Context) (int, time.Time, error)
}

func queues(s Store) (mail, sms queue) {
	return queue{authcore.ByEmail, s.ClaimMail, s.OutboxDepth}, queue{authcore.BySMS, s.ClaimSMS, s.SMSDepth}
}

func mailRace(t *testing.T, s Store) {
	mail, _ := queues(s)
	claimRace(t, s, mail)
}

func smsRace(t *testing.T, s Store) {
	_, sms := queues(s)
	claimRace(t, s, sms)
}

func claimRace(t *testing.T, s Store, q queue) {
	fx := mails(60)
	for i := range fx.Mails {
		fx.Mails[i].Channel = q.channel
	}
	must(t, s.Record(t.Context(), fx))
	claimed := make([][]authcore.Mail, 8)
	countErrors(t, atOnce(len(claimed), func(i int) error {
		for {
			got, err := q.claim(t.Context(), start, time.Minute, 7)
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
	mail, _ := queues(s)
	return mail.claimed(t, after)
}

func (q queue) claimed(t testing.TB, after time.Duration) []authcore.Mail {
	t.Helper()
	list, err := q.claim(t.Context(), start.Add(after), time.Minute, 10)
	must(t, err)
	return list
}

func mailLife(t *testing.T, s Store) {
	mail, sms := queues(s)
	outboxLife(t, s, mail, sms)
}

func smsLife(t *testing.T, s Store) {
	mail, sms := queues(s)
	outboxLife(t, s, sms, mail)
}

func outboxLife(t *testing.T, s Store, q, other queue) {
	want := aMail()
	want.Channel = q.channel
	must(t, s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{want}}))
	if list := other.claimed(t, 1000*time.Hour); len(list) != 0 {
		t.Errorf("claimed by the other channel: %v", list)
	}
	if diff := cmp.Diff([]authcore.Mail{want}, q.claimed(t, 0)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list := q.claimed(t, time.Minute-time.Microsecond); len(list) != 0 {
		t.Errorf("claimed during the lease: %v", list)
	}
	want.Attempts = 1
	if diff := cmp.Diff([]authcore.Mail{want}, q.claimed(t, time.Minute)); diff != "" {
		t.Errorf("after the lease (-want +got):\n%s", diff)
	}
	must(t, s.MailFailed(t.Context(), want.ID, start.Add(time.Hour), false))
	if list := q.claimed(t, time.Hour-time.Microsecond); len(list) != 0 {
		t.Errorf("claimed before it is due again: %v", list)
	}
	if n, oldest, err := q.depth(t.Context()); err != nil || n != 1 || !oldest.Equal(start) {
		t.Errorf("%d wait since %v (%v), want 1", n, oldest, err)
	}
	if n, _, err := other.depth(t.Context()); err != nil || n != 0 || len(other.claimed(t, 1000*time.Hour)) != 0 {
		t.Errorf("%d wait for the other channel (%v)", n, err)
	}
	if list := q.claimed(t, time.Hour); len(list) != 1 || list[0].Attempts != 2 {
		t.Errorf("%+v, want the mail with 2 tries behind it", list)
	}
	must(t, s.MailSent(t.Context(), want.ID, start.Add(time.Hour)))
	// A worker that was too slow must not bring it back.
	must(t, s.MailFailed(t.Context(), want.ID, start, false))
	dropped := aMail()
	dropped.Channel = q.channel
	must(t, s.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{dropped}}))
	must(t, s.MailFailed(t.Context(), dropped.ID, time.Time{}, true))
	if list := q.claimed(t, 1000*time.Hour); len(list) != 0 {
		t.Errorf("claimed after their end: %v", list)
	}
	if n, oldest, err := q.depth(t.Context()); err != nil || n != 0 || !oldest.IsZero() {
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
