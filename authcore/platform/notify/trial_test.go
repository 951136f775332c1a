package notify_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// tester returns a notifier that sends test mails through sender.
func tester(t *testing.T, sender notify.Sender, timeout time.Duration) *notify.Notifier {
	t.Helper()
	n, err := notify.New(notify.Config{Store: newQueue(time.Now), Sealer: sealer(t, "k"), Sender: sender, Timeout: timeout,
		Head: notify.Letterhead{From: "no-reply@example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTrial_TellsWhatTheServerAnswered: each way a mail server can take or refuse a test mail has its reason and the
// server's words, and the password is in none of them.
func TestTrial_TellsWhatTheServerAnswered(t *testing.T) {
	t.Parallel()
	const password = "open sesame"
	ca := testsmtp.NewAuthority(t)
	cert, key := ca.Issue(t, "127.0.0.1")
	setup := testsmtp.Setup{TLS: "starttls", Cert: cert, Key: key, Mechanisms: []string{"PLAIN"}, User: "relay@example.com", Password: password}
	for name, c := range map[string]struct {
		plan   testsmtp.Plan
		change func(*notify.SMTPConfig, *testsmtp.Server)
		to     string
		want   notify.TrialReason
		answer string
	}{
		"accepted": {answer: "250 2.0.0 taken"},
		"no such recipient": {plan: testsmtp.Plan{Always: map[string]string{testsmtp.To: "550 5.1.1 no \x1b[31msuch user"}},
			want: notify.TrialRefused, answer: "550 5.1.1 no  [31msuch user"},
		"sender not allowed": {plan: testsmtp.Plan{Always: map[string]string{testsmtp.From: "553 5.7.1 not your address"}},
			want: notify.TrialRefused, answer: "553 5.7.1 not your address"},
		"greylisted":      {plan: testsmtp.Plan{Always: map[string]string{testsmtp.To: "451 4.7.1 later"}}, want: notify.TrialDeferred, answer: "451 4.7.1 later"},
		"content refused": {plan: testsmtp.Plan{Always: map[string]string{testsmtp.End: "554 5.6.0 spam"}}, want: notify.TrialRefused, answer: "554 5.6.0 spam"},
		"beyond ASCII":    {to: "jürgen@example.org", want: notify.TrialRefused, answer: "ASCII addresses only"},
		"wrong password": {change: func(cfg *notify.SMTPConfig, _ *testsmtp.Server) { cfg.Password = secret.FromString("shut sesame") },
			want: notify.TrialSignIn, answer: "535"},
		"password quoted": {plan: testsmtp.Plan{Always: map[string]string{testsmtp.Auth: "535 5.7.8 not " + password + " AHJlbGF5QGV4YW1wbGUuY29tAG9wZW4gc2VzYW1l"}},
			want: notify.TrialSignIn, answer: "535 5.7.8 not [password] [password]"},
		"foreign certificate": {change: func(cfg *notify.SMTPConfig, _ *testsmtp.Server) { cfg.Roots = testsmtp.NewAuthority(t).Pool() },
			want: notify.TrialTLS, answer: "certificate"},
		"away": {change: func(_ *notify.SMTPConfig, s *testsmtp.Server) { s.Kill() }, want: notify.TrialUnreachable, answer: "refused"},
		"silent": {plan: testsmtp.Plan{Always: map[string]string{testsmtp.Greeting: testsmtp.Hang}},
			want: notify.TrialUnreachable, answer: "greeting"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testsmtp.Start(t, setup)
			server.Behave(t, c.plan)
			if c.want == notify.TrialSignIn {
				t.Cleanup(server.Forgive) // go-mail gives up a refused AUTH with a "*" that answers nothing
			}
			cfg := configFor(t, server, notify.STARTTLS, ca)
			cfg.User, cfg.Password = setup.User, secret.FromString(password)
			if c.change != nil {
				c.change(&cfg, server)
			}
			timeout := 20 * time.Second
			if name == "silent" {
				timeout = time.Second
			}
			if c.to == "" {
				c.to = "bob@example.org"
			}
			got, err := tester(t, newSMTP(t, cfg), timeout).Test(t.Context(), c.to)
			if err != nil {
				t.Fatal(err)
			}
			if got.Address != c.to || got.Accepted != (c.want == "") || got.Reason != c.want || !strings.Contains(got.Answer, c.answer) {
				t.Errorf("the report is %+v", got)
			}
			shown, err := json.Marshal(got)
			if text := string(shown); err != nil || strings.Contains(text, "sesame") || strings.Contains(text, "b3BlbiBzZXNhbWU") || strings.ContainsRune(got.Answer, '\x1b') {
				t.Errorf("the report shows %s, %v", text, err)
			}
			if mails := server.Mails(); (len(mails) == 1) != got.Accepted || got.Accepted && !strings.Contains(string(mails[0].Content), "sending mail works") {
				t.Errorf("%d mails arrived: %+v", len(mails), mails)
			}
		})
	}
}

// TestTrial_Outbox: with the outbox the report names the file.
func TestTrial_Outbox(t *testing.T) {
	t.Parallel()
	outbox, err := notify.OpenOutbox(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := tester(t, outbox, 0).Test(t.Context(), "bob@example.org")
	if err != nil || !got.Accepted {
		t.Fatalf("the report is %+v, %v", got, err)
	}
	if text, err := os.ReadFile(got.Answer); err != nil || !strings.Contains(string(text), "To: <bob@example.org>") {
		t.Errorf("%s: %v\n%s", got.Answer, err, text)
	}
	if _, err := tester(t, outbox, 0).Test(t.Context(), "a@example.org, b@example.org"); err == nil {
		t.Error("two addresses are taken for one")
	}
}

// TestCanReach: once a server has been seen without SMTPUTF8, addresses beyond ASCII are known not to work; with it, before
// the first connection and with the outbox they pass.
func TestCanReach(t *testing.T) {
	t.Parallel()
	const beyond = "jürgen@example.org"
	for _, able := range []bool{false, true} {
		_, sender := plainServer(t, testsmtp.Setup{UTF8: able})
		n := tester(t, sender, 0)
		if !n.CanReach(beyond) {
			t.Error("refused before anything is known")
		}
		if _, err := n.Test(t.Context(), "bob@example.org"); err != nil {
			t.Fatal(err)
		}
		if n.CanReach(beyond) != able || !n.CanReach("bob@example.org") {
			t.Errorf("with SMTPUTF8 %v it can reach %s: %v", able, beyond, n.CanReach(beyond))
		}
	}
	outbox, err := notify.OpenOutbox(t.TempDir(), nil)
	if err != nil || !tester(t, outbox, 0).CanReach(beyond) {
		t.Errorf("the outbox refuses %s (%v)", beyond, err)
	}
}
