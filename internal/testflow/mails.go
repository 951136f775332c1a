package testflow

import (
	"cmp"
	"encoding/json"
	"net/url"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

// plainMailer writes messages into the outbox as they are, so that a test sees what was committed and nothing else.
type plainMailer struct{ clock *Clock }

func (m plainMailer) Compose(msg authcore.Message) (authcore.Mail, error) {
	text, err := json.Marshal(msg)
	return authcore.Mail{ID: uuid.Must(uuid.NewV7()), Kind: msg.Kind, Channel: cmp.Or(msg.Channel, authcore.ByEmail), AccountID: msg.AccountID,
		Sealed: text, CreatedAt: m.clock.Now().UTC()}, err
}

// Mails returns the mails and SMS committed to an address or number since the environment was made, oldest first.
func (e *Env) Mails(t testing.TB, to string) []authcore.Message {
	t.Helper()
	e.collect(t)
	var found []authcore.Message
	for _, m := range e.mails {
		if m.To == to {
			found = append(found, m)
		}
	}
	return found
}

// Mail returns the latest mail to an address; its absence ends the test.
func (e *Env) Mail(t testing.TB, to string, kind authcore.MailKind) authcore.Message {
	t.Helper()
	all := e.Mails(t, to)
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].Kind == kind {
			return all[i]
		}
	}
	t.Fatalf("no %s mail among the %d mails to %s", kind, len(all), to)
	return authcore.Message{}
}

// Token returns the one-time token in the link of a mail.
func Token(t testing.TB, m authcore.Message) string {
	t.Helper()
	u, err := url.Parse(m.Link)
	if err != nil || u.Query().Get("token") == "" {
		t.Fatalf("the %s mail has no link with a token", m.Kind)
	}
	return u.Query().Get("token")
}

func (e *Env) collect(t testing.TB) {
	t.Helper()
	for {
		at := e.Clock.Now().Add(time.Second)
		batch, err := e.Store.ClaimMail(t.Context(), at, 24*time.Hour, 100)
		if err != nil {
			t.Fatalf("claim mails: %v", err)
		}
		sms, err := e.Store.ClaimSMS(t.Context(), at, 24*time.Hour, 100)
		if err != nil {
			t.Fatalf("claim SMS: %v", err)
		}
		batch = append(batch, sms...)
		if len(batch) == 0 {
			return
		}
		for _, row := range batch {
			var m authcore.Message
			if err := json.Unmarshal(row.Sealed, &m); err != nil {
				t.Fatalf("read mail: %v", err)
			}
			e.mails = append(e.mails, m)
			if err := e.Store.MailSent(t.Context(), row.ID, e.Clock.Now()); err != nil {
				t.Fatalf("mark mail sent: %v", err)
			}
		}
	}
}
