package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestSMSTest: `gatehouse sms test` sends one SMS through the running gateway and says where it went; exit codes tell scripts the same.
func TestSMSTest(t *testing.T) {
	t.Parallel()
	g := start(t, plan{global: "\t\tsms outbox\n\t\tphone {\n\t\t\tregion AT\n\t\t\tcountries AT\n\t\t}\n"})
	said := g.operatorJSON(t, "sms", "test", "0664 1234567")
	file, _ := said["answer"].(string)
	text, err := os.ReadFile(file)
	if err != nil || said["accepted"] != true || !strings.HasPrefix(string(text), "To: +436641234567\n\nGatehouse: This is a test") {
		t.Errorf("it says %v, and the file holds %q (%v)", said, text, err)
	}
	ends := func(want int, says string, args ...string) {
		t.Helper()
		if _, errs, code := g.Command(t, append([]string{"sms", "test", "--config", "Caddyfile"}, args...)...); code != want || !strings.Contains(errs, says) {
			t.Errorf("sms test %q ends with %d: %s", args, code, errs)
		}
	}
	ends(2, "", "12")
	ends(2, "Numbers of this country", "+12025550123")
	ends(2, "")
	g.mustReload(t, plan{})
	ends(3, "set the option sms", "+436641234567")
	g.Kill()
	ends(5, "start the gateway first", "+436641234567")
}
