package e2e

import (
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// TestMailTest: `gatehouse mail test` sends one mail through the running gateway and reports what the mail server says;
// exit codes tell scripts the same.
func TestMailTest(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	g := start(t, plan{global: mailsTo(server)})
	if said := g.operatorJSON(t, "mail", "test", "bob@example.org"); said["accepted"] != true || said["answer"] != "250 2.0.0 taken" || len(server.Mails()) != 1 {
		t.Errorf("an accepted mail is reported as %v", said)
	}
	for _, args := range [][]string{{}, {"bob"}, {"a@example.org", "b@example.org"}} {
		if _, errs, code := g.Command(t, append([]string{"mail", "test"}, args...)...); code != 2 || !strings.Contains(errs, "one plain address") {
			t.Errorf("mail test %q ends with %d: %s", args, code, errs)
		}
	}
	fails := func(ends int, want, reason string) {
		t.Helper()
		out, errs, code := g.Command(t, "mail", "test", "bob@example.org", "--config", "Caddyfile", "--json")
		if code != ends || !strings.Contains(errs, want) || reason != "" && !strings.Contains(out, `"reason": "`+reason+`"`) {
			t.Errorf("it ends with %d: %s%s", code, out, errs)
		}
	}
	server.Behave(t, testsmtp.Plan{Always: map[string]string{testsmtp.To: "550 5.1.1 no such user"}})
	fails(1, "the mail was refused: smtp: mail refused for good: naming the recipient: 550 5.1.1 no such user", "refused")
	server.Kill()
	fails(1, "the mail server cannot be reached", "unreachable")

	g.mustReload(t, plan{})
	file, _ := g.operatorJSON(t, "mail", "test", "bob@example.org")["answer"].(string)
	if !strings.HasSuffix(file, ".eml") || !strings.Contains(file, "outbox") {
		t.Errorf("the mail lies in %q", file)
	}
	g.Kill()
	fails(5, "start the gateway first", "")
}
