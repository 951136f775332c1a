package notify_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

// textFunc is a sender of SMS.
type textFunc func(ctx context.Context, m notify.SMS) (string, error)

func (f textFunc) Send(ctx context.Context, m notify.SMS) (string, error) { return f(ctx, m) }

const ada = "+4915123456789"

func text() authcore.Message {
	return authcore.Message{Kind: authcore.MailVerify, Channel: authcore.BySMS, To: ada, Code: "042137", Host: "auth.example.com", Expiry: 10 * time.Minute}
}

// TestSMS_FromCommitToFile is the way of each text, with real parts only.
func TestSMS_FromCommitToFile(t *testing.T) {
	t.Parallel()
	store, dir := openStore(t), filepath.Join(t.TempDir(), "sms")
	outbox, err := notify.OpenSMSOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := notify.New(notify.Config{Store: store, Sealer: sealer(t, "k"), Sender: &recorder{}, SMS: outbox, Head: notify.Letterhead{Brand: "Acme"}})
	if err != nil {
		t.Fatal(err)
	}
	h := &house{Notifier: n}
	h.run(t)
	notice := authcore.Message{Kind: authcore.MailPasswordReset, Channel: authcore.BySMS, To: ada, Link: "https://auth.example.com/auth"}
	german := notice
	german.Lang = "de-AT"
	exists := notice
	exists.Kind = authcore.MailAccountExists
	for i, c := range []struct {
		m    authcore.Message
		want string
	}{
		{text(), "042137 is your Acme code.\n\n@auth.example.com #042137"},
		{notice, "Acme: Your password was changed. If this was not you, sign in and end your sessions."},
		{german, "Acme: Ihr Passwort wurde geändert. Falls Sie das nicht waren, melden Sie sich an und beenden Sie Ihre Sitzungen."},
		{exists, "Acme: Someone, probably you, tried to register with this number. You already have an account: sign in. If it was not you, ignore this message."},
	} {
		m, err := n.Compose(c.m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(m.Sealed), ada) || m.Channel != authcore.BySMS {
			t.Errorf("composed: %+v", m)
		}
		if err := store.Record(t.Context(), authcore.Effects{Mails: []authcore.Mail{m}}); err != nil {
			t.Fatal(err)
		}
		n.Nudge()
		var files []string
		await(t, "the file", func() bool {
			files, err = filepath.Glob(filepath.Join(dir, "*.txt"))
			return err == nil && len(files) == i+1
		})
		file := filepath.Base(files[i])
		raw, err := os.ReadFile(filepath.Join(dir, file))
		if want := "To: " + ada + "\n\n" + c.want + "\n"; err != nil || string(raw) != want || !strings.HasSuffix(file, "Z-"+m.ID.String()+".txt") {
			t.Errorf("%s has %q (%v), want %q", file, raw, err, want)
		}
	}
	await(t, "an empty outbox", func() bool { waiting, fault, on := n.SMSHealth(); return on && waiting == 0 && fault == "" })
}

// A provider of SMS that hangs holds up no mail, and shows.
func TestRun_AHangingSMSProviderHoldsUpNoMail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{queue: newQueue(time.Now), sender: &recorder{}, log: &lines{}}
		entered := 0
		hang := textFunc(func(ctx context.Context, _ notify.SMS) (string, error) {
			entered++
			<-ctx.Done()
			return "", ctx.Err()
		})
		var err error
		h.Notifier, err = notify.New(notify.Config{Store: h.queue, Sealer: sealer(t, "k"), Sender: h.sender, SMS: hang,
			Logger: slog.New(slog.NewTextHandler(h.log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		sms := h.post(t, text())
		stop := h.run(t)
		synctest.Wait()
		if entered != 1 {
			t.Fatal("the SMS was not tried")
		}
		start := time.Now()
		h.post(t, verify())
		synctest.Wait()
		if h.sender.only(t); time.Since(start) != 0 {
			t.Errorf("the mail went out after %v", time.Since(start))
		}
		time.Sleep(10*time.Second + time.Millisecond) // what one SMS may take
		synctest.Wait()
		if waiting, fault, _ := h.SMSHealth(); waiting != 1 || fault == "" || strings.Contains(fault, ada) {
			t.Errorf("%d SMS wait, the fault is %q", waiting, fault)
		}
		if _, _, fault := h.Health(); fault != "" {
			t.Errorf("mail is said to be delayed: %s", fault)
		}
		if log := h.log.String(); !strings.Contains(log, "SMS is delayed") || strings.Contains(log, ada) {
			t.Errorf("the log is %q", log)
		}
		time.Sleep(11 * time.Minute) // past the life of the code
		synctest.Wait()
		if r := h.queue.row(sms.ID); !r.dropped {
			t.Error("an SMS whose code has expired is still tried")
		}
		stop()
	})
}

// TestI01_SMS: a number or host with more in it than itself is refused, and so is what has no words.
func TestI01_SMS(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if _, err := h.Compose(text()); err == nil {
		t.Error("an SMS was composed where none can be sent")
	}
	sender := textFunc(func(context.Context, notify.SMS) (string, error) { return "", nil })
	n, err := notify.New(notify.Config{Store: h.queue, Sealer: sealer(t, "k"), Sender: h.sender, SMS: sender})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Compose(text()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*authcore.Message){
		"a national number": func(m *authcore.Message) { m.To = "015123456789" },
		"two numbers":       func(m *authcore.Message) { m.To = ada + "," + ada },
		"another line":      func(m *authcore.Message) { m.To = ada + "\nTo: +1" },
		"an address":        func(m *authcore.Message) { m.To = "bob@example.org" },
		"a host of lines":   func(m *authcore.Message) { m.Host = "a.example\n@b.example" },
		"a host and more":   func(m *authcore.Message) { m.Host = "a.example #1" },
		"a port":            func(m *authcore.Message) { m.Host = "a.example:443" },
		"no host":           func(m *authcore.Message) { m.Host = "" },
		"no code":           func(m *authcore.Message) { m.Code = "" },
		"no such kind":      func(m *authcore.Message) { m.Kind = "none" },
	} {
		m := text()
		change(&m)
		if _, err := n.Compose(m); err == nil {
			t.Errorf("%s was composed", name)
		} else if strings.Contains(err.Error(), "151234") {
			t.Errorf("the error quotes the number: %v", err)
		}
	}
}

// What became of an account's code is told once: that it went out, or that its number cannot be reached; of what has no account, nothing.
func TestRun_TellsWhatBecameOfACode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := &house{queue: newQueue(time.Now), sender: &recorder{}, log: &lines{}}
		var refuse error
		told := map[bool][]uuid.UUID{}
		var err error
		h.Notifier, err = notify.New(notify.Config{Store: h.queue, Sealer: sealer(t, "k"), Sender: h.sender, Logger: slog.New(slog.NewTextHandler(h.log, nil)),
			SMS: textFunc(func(context.Context, notify.SMS) (string, error) { return "", refuse }),
			Told: func(_ context.Context, m authcore.Mail, sent bool) error {
				told[sent] = append(told[sent], m.AccountID)
				return nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		stop := h.run(t)
		owner := uuid.New()
		m := text()
		h.post(t, m) // of no account
		m.AccountID = owner
		h.post(t, m)
		synctest.Wait()
		refuse = fmt.Errorf("unknown subscriber: %w", notify.ErrAway)
		h.post(t, m)
		synctest.Wait()
		refuse = fmt.Errorf("unknown subscriber: %w", notify.ErrRefused)
		time.Sleep(time.Minute)
		synctest.Wait()
		notice := authcore.Message{Kind: authcore.MailPasswordReset, Channel: authcore.BySMS, To: ada, AccountID: owner}
		h.post(t, notice) // no code
		synctest.Wait()
		if len(told[true]) != 1 || len(told[false]) != 1 || told[true][0] != owner || told[false][0] != owner {
			t.Errorf("told of %v", told)
		}
		stop()
	})
}
