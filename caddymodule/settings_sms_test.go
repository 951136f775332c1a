package caddymodule

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/challenge"
	"github.com/gatehouse-auth/gatehouse/authcore/gateway"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

const adasNumber = "+4915123456789"

// smsFrom returns what an `sms` line amounts to.
func smsFrom(t *testing.T, line, dataDir string) notify.SMSSender {
	t.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: t.Context()})
	t.Cleanup(cancel)
	sms, err := settingsFrom(t, line).loadSMS(ctx)
	if err != nil || sms == nil {
		t.Fatal(sms, err)
	}
	d, err := sms.SMSDelivery(dataDir)
	if err != nil {
		t.Fatal(err)
	}
	return d.Sender
}

// TestOption_sms: an SMS goes into the configured folder, by default into the node's; without the option there is no sender.
func TestOption_sms(t *testing.T) {
	t.Parallel()
	data, other := t.TempDir(), filepath.Join(t.TempDir(), "texts")
	for line, want := range map[string]string{"sms outbox": filepath.Join(data, "sms"), "sms outbox " + other: other} {
		id := uuid.New()
		path, err := smsFrom(t, line, data).Send(t.Context(), notify.SMS{ID: id, To: adasNumber, Text: "Hello"})
		if err != nil || filepath.Dir(path) != want {
			t.Errorf("with %q it went to %s (%v), want %s", line, path, err, want)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "To: "+adasNumber+"\n\nHello\n" {
			t.Errorf("the file has %q (%v)", text, err)
		}
		if info, err := os.Stat(want); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("the folder: %v (%v)", info.Mode(), err)
		}
	}
	if sms, err := new(Settings).loadSMS(caddy.Context{}); sms != nil || err != nil {
		t.Errorf("without the option: %v, %v", sms, err)
	}
}

// TestOption_sms_twilio: each option of the block is in the request. The token is in no message.
func TestOption_sms_twilio(t *testing.T) {
	t.Parallel()
	asked := make(chan *http.Request, 1)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		asked <- r
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(api.Close)
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("twilio-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for sender, field := range map[string]string{"from +15005550006": "From", "messaging_service MG0": "MessagingServiceSid"} {
		texts := smsFrom(t, "sms twilio {\n\taccount_sid AC01\n\tauth_token {file."+secret+"}\n\t"+sender+"\n\tbase_url "+api.URL+"\n}", t.TempDir())
		if _, err := texts.Send(t.Context(), notify.SMS{ID: uuid.New(), To: adasNumber, Text: "Hello"}); err != nil {
			t.Fatal(err)
		}
		r := <-asked
		user, password, _ := r.BasicAuth()
		if user != "AC01" || password != "twilio-token" || r.Form.Get(field) == "" || r.Form.Get("To") != adasNumber || r.Form.Get("Body") != "Hello" ||
			r.URL.Path != "/2010-04-01/Accounts/AC01/Messages.json" {
			t.Errorf("with %s: %s as %s by %q with %v", sender, r.URL, user, password, r.Form)
		}
	}
}

// TestOption_sms_webhook: an SMS is posted to the URL, signed where there is a secret.
func TestOption_sms_webhook(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	service := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get(notify.SignatureHeader) }))
	t.Cleanup(service.Close)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, signed := range map[string]bool{"sms webhook " + service.URL: false,
		"sms webhook " + service.URL + " {\n\tsecret {file." + secret + "}\n}": true} {
		if _, err := smsFrom(t, line, t.TempDir()).Send(t.Context(), notify.SMS{ID: uuid.New(), To: adasNumber, Text: "Hello"}); err != nil {
			t.Fatal(err)
		}
		if got := <-asked; (got != "") != signed {
			t.Errorf("with %q the signature is %q", line, got)
		}
	}
}

// texted are flows by the settings of a Caddyfile, and what they compose.
type texted struct {
	*testflow.Env
	flows *gateway.Flows
	sent  []authcore.Message
}

func (x *texted) Compose(m authcore.Message) (authcore.Mail, error) {
	x.sent = append(x.sent, m)
	return authcore.Mail{ID: uuid.New(), Kind: m.Kind, Channel: m.Channel, CreatedAt: x.Clock.Now()}, nil
}

func textedFrom(t *testing.T, lines string) *texted {
	t.Helper()
	cfg, err := settingsFrom(t, lines).resolve()
	if err != nil {
		t.Fatal(err)
	}
	x := &texted{Env: testflow.New(t, testflow.Options{})}
	x.flows, err = gateway.NewFlows(gateway.Config{Store: x.Store, Ring: x.Ring, Hasher: x.Hasher, Sealer: x.Sealer, Limiter: x.Limiter,
		Lockouts: x.Lockouts, Proofs: x.Proofs, Codes: x.Codes, Mailer: x, Now: x.Clock.Now, Settings: cfg.flowSettings()})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// ask asks for a code to a number; it returns the code of what went out, "" for nothing.
func (x *texted) ask(t *testing.T, number string) string {
	t.Helper()
	before := len(x.sent)
	wait, _, err := x.flows.Challenges.Request(t.Context(), challenge.Request{Purpose: authcore.PurposeResetPassword, Subject: number, Counted: number,
		Channel: authcore.BySMS, Known: &challenge.Known{To: challenge.Recipient{Channel: authcore.BySMS, Address: number}},
		Client: testflow.Client(), Save: x.Store.IssueChallenge})
	if err != nil || wait != 0 || len(x.sent) != before+1 {
		t.Fatalf("asking for a code: %v, %v, %d composed", wait, err, len(x.sent)-before)
	}
	if m := x.sent[before]; m.To == number {
		return m.Code
	}
	return ""
}

// TestOption_phone_countries: numbers of other countries are refused where one is saved, and nothing is sent where one is asked for.
func TestOption_phone_countries(t *testing.T) {
	t.Parallel()
	x := textedFrom(t, "sms outbox\nphone {\n\tcountries DE AT\n}")
	if x.ask(t, adasNumber) == "" || x.ask(t, "+436641234567") == "" {
		t.Error("no code to a country that is taken")
	}
	if x.ask(t, "+33612345678") != "" {
		t.Error("a code to a country that is not taken")
	}
	numbers := x.flowNumbers(t, "sms outbox\nphone {\n\tcountries DE AT\n}")
	var broken authcore.FieldError
	if _, err := numbers("+33612345678"); !errors.As(err, &broken) || broken.Rule != authcore.PhoneNotTaken {
		t.Errorf("a number of France: %v", err)
	}
	if got, err := numbers("+49 151 23456789"); err != nil || got != adasNumber {
		t.Errorf("a number of Germany: %s, %v", got, err)
	}
}

func (x *texted) flowNumbers(t *testing.T, lines string) func(string) (string, error) {
	t.Helper()
	cfg, err := settingsFrom(t, lines).resolve()
	if err != nil {
		t.Fatal(err)
	}
	return cfg.flowSettings().Numbers.Read
}

// TestOption_phone_region: national numbers of the region are read.
func TestOption_phone_region(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]string{"phone {\n\tregion DE\n}": adasNumber, "": ""} {
		numbers := (&texted{}).flowNumbers(t, lines)
		if got, _ := numbers("0151 23456789"); got != want {
			t.Errorf("with %q the number is %q, want %q", lines, got, want)
		}
	}
}

// TestOption_otp_sms_lifetime: a code by SMS lives as long as the option says, whatever codes by mail do.
func TestOption_otp_sms_lifetime(t *testing.T) {
	t.Parallel()
	for lines, life := range map[string]time.Duration{
		"sms outbox\notp {\n\tsms_lifetime 2m\n}":                 2 * time.Minute,
		"sms outbox\notp {\n\tlifetime 1m\n\tsms_lifetime 30m\n}": 30 * time.Minute,
		"sms outbox\notp {\n\tlifetime 1m\n}":                     10 * time.Minute,
	} {
		x := textedFrom(t, lines)
		code := x.ask(t, adasNumber)
		if m := x.sent[0]; m.Expiry != life || m.Link != "" || m.Host != "auth.example.com" || !regexp.MustCompile(`^\d{6}$`).MatchString(code) {
			t.Errorf("with %q: %+v", lines, m)
		}
		shown := challenge.Credentials{Subject: adasNumber, Code: code}
		x.Clock.Advance(life - time.Second)
		if _, err := x.flows.Challenges.Prove(t.Context(), authcore.PurposeResetPassword, shown); err != nil {
			t.Errorf("with %q, a second before its end: %v", lines, err)
		}
		x.Clock.Advance(2 * time.Second)
		if _, err := x.flows.Challenges.Prove(t.Context(), authcore.PurposeResetPassword, shown); authcore.CodeOf(err) != authcore.InvalidCode {
			t.Errorf("with %q, a second after its end: %v", lines, err)
		}
	}
}
