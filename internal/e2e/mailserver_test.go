package e2e

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// mailsTo lets a gateway send to a mail server.
func mailsTo(s *testsmtp.Server) string {
	return "\t\tbrand Acme\n\t\tmail smtp smtp://" + s.Addr + "?starttls=off {\n\t\t\tfrom \"Acme Post <post@acme.example>\"\n\t\t\ttimeout 1s\n\t\t}\n"
}

// signUp asks for an account.
func (g *gateway) signUp(t testing.TB, address string, more ...call) {
	t.Helper()
	g.api(t, "POST", "/register", map[string]any{"email": address, "password": password}, more...).must(t, 202, "")
}

// metric returns a sample of the running gateway, -1 for none.
func (g *gateway) metric(t testing.TB, sample string) float64 {
	t.Helper()
	resp, err := g.Admin.Get("http://admin/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(sample) + ` (\S+)$`).FindSubmatch(text)
	if found == nil {
		return -1
	}
	value := -1.0
	if _, err := fmt.Sscan(string(found[1]), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestMail_DeadServerAndCrash: while the mail server is dead the gateway answers as ever and tells of the outage in one
// line and in metrics. It is killed with the mails waiting; once both live again each mail is delivered once.
func TestMail_DeadServerAndCrash(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	g := start(t, plan{global: mailsTo(server)})
	for range soak.N(1, 3) {
		g.mailOutage(t, server, []string{freshEmail(), freshEmail(), freshEmail()})
	}
}

// mailOutage is a time in which the mail server is dead and mails to these addresses are written.
func (g *gateway) mailOutage(t *testing.T, server *testsmtp.Server, to []string) {
	t.Helper()
	told, sent := strings.Count(g.logs(), "mail is delayed"), len(server.Mails())
	server.Kill()
	for _, address := range to {
		g.signUp(t, address)
	}
	eventually(t, "the metrics tell", func() bool {
		return g.metric(t, "gatehouse_outbox_waiting") == 3 && g.metric(t, "gatehouse_outbox_oldest_seconds") > 0 &&
			g.metric(t, `gatehouse_mails_total{outcome="failed"}`) > 0
	})
	eventually(t, "readyz to tell", func() bool {
		return strings.Contains(string(g.do(t, call{path: "/auth/readyz"}).must(t, 200, "").body), "mail is delayed")
	})
	if n := strings.Count(g.logs(), "mail is delayed") - told; n != 1 {
		t.Errorf("%d lines of log about the outage", n)
	}
	g.mustReload(t, plan{global: mailsTo(server) + "\t\tremote_user sub\n"})
	failed := g.metric(t, `gatehouse_mails_total{outcome="failed"}`)
	if failed < 1 {
		t.Errorf("after a reload %v tries have failed", failed)
	}
	g.Kill()
	server.Revive(t)
	g.restart(t)
	eventually(t, "all mails", func() bool { return len(server.Mails()) >= sent+len(to) })
	eventually(t, "an empty outbox", func() bool { return g.metric(t, "gatehouse_outbox_waiting") == 0 })
	count := map[string]int{}
	for _, m := range server.Mails()[sent:] {
		count[m.To]++
		if m.From != "post@acme.example" || !strings.Contains(string(m.Content), "\r\nFrom: \"Acme Post\" <post@acme.example>\r\n") ||
			!strings.Contains(string(m.Content), "for Acme\r\n") || !strings.Contains(string(m.Content), "\r\n"+g.url("/auth/verify")+"?token=") {
			t.Errorf("the mail is from %s and says\n%s", m.From, m.Content)
		}
	}
	for _, address := range to {
		if count[address] != 1 {
			t.Errorf("%s got %d mails, want 1", address, count[address])
		}
		if strings.Contains(g.logs(), address) {
			t.Errorf("the log names %s", address)
		}
	}
}

// TestMail_HangingServer: a mail server that says nothing delays no request, no reload and no stop. A letter may take longer than
// any client of the test waits, so whoever waited for it would fail.
func TestMail_HangingServer(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	server.Behave(t, testsmtp.Plan{Always: map[string]string{testsmtp.End: testsmtp.Hang}})
	patient := strings.Replace(mailsTo(server), "timeout 1s", "timeout 5m", 1)
	g := start(t, plan{global: patient})
	for i := range 5 {
		g.signUp(t, fmt.Sprintf("user%d@example.org", i))
		eventually(t, "the server to be asked", func() bool { return server.Connections() > 0 })
	}
	g.do(t, call{path: "/auth/readyz"}).must(t, 200, "")
	if failed := g.metric(t, `gatehouse_mails_total{outcome="failed"}`); failed > 0 || len(server.Mails()) > 0 {
		t.Fatalf("the server does not hang: %v tries have failed, %d mails are there", failed, len(server.Mails()))
	}
	g.mustReload(t, plan{global: patient + "\t\tremote_user sub\n"})
	g.mustReload(t, plan{global: mailsTo(server)})
	eventually(t, "a failed try", func() bool { return g.metric(t, `gatehouse_mails_total{outcome="failed"}`) > 0 })
	server.Behave(t, testsmtp.Plan{})
	eventually(t, "all mails", func() bool { return len(server.Mails()) >= 5 })
}

// TestMail_Language: a mail is written in the language that the browser of whoever caused it asks for.
func TestMail_Language(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	g := start(t, plan{global: mailsTo(server)})
	g.signUp(t, "de@example.org", call{header: map[string]string{"Accept-Language": "de-CH,de;q=0.9,en;q=0.8"}})
	g.signUp(t, "en@example.org")
	eventually(t, "both mails", func() bool { return len(server.Mails()) >= 2 })
	for _, m := range server.Mails() {
		lang := m.To[:2]
		if !strings.Contains(string(m.Content), "\r\nContent-Language: "+lang+"\r\n") || strings.Contains(string(m.Content), "\r\nGuten Tag,\r\n") != (lang == "de") {
			t.Errorf("the mail to %s says\n%s", m.To, m.Content)
		}
	}
}
