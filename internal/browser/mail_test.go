package browser

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testmail"
)

// letter is a mail from the outbox.
type letter struct {
	to, subject, text, html string
	code, link, token       string // those of [testmail.Mail]
}

// mail waits for the nth letter to an address.
func (g *gateway) mail(t testing.TB, address string, n int) letter {
	t.Helper()
	var got []letter
	eventually(t, func() string { return "a mail to " + address }, func() bool {
		got = g.mails(t, address)
		return len(got) >= n
	})
	return got[n-1]
}

func (g *gateway) mails(t testing.TB, address string) []letter {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(g.Dir, ".gatehouse", "outbox", "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(files)
	var out []letter
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if l := readLetter(t, raw); l.to == address && !l.newSignIn() {
			out = append(out, l)
		}
	}
	return out
}

// newSignIn reports whether the mail is of the kind that most tests do not ask for: each of their browsers is new to the account.
func (l letter) newSignIn() bool {
	return strings.HasPrefix(l.subject, "New sign-in") || strings.HasPrefix(l.subject, "Neue Anmeldung")
}

func readLetter(t testing.TB, raw []byte) letter {
	t.Helper()
	m := testmail.Read(t, raw)
	return letter{to: m.To, subject: m.Subject, text: m.Text, html: m.HTML, code: m.Code, link: m.Link, token: m.Token}
}
