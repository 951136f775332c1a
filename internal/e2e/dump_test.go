package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// TestO14_DumpHoldsNoCode: with every row of the database in hand, and on SQLite every byte of its file, nobody can tell
// a code or link that is out: not as text, and not by hashing every code there is.
func TestO14_DumpHoldsNoCode(t *testing.T) {
	t.Parallel()
	onBoth(t, plan{}, func(t *testing.T, g *gateway) {
		u := g.newUser(t)
		g.api(t, "POST", "/password/forgot", object{"login": u.username}).must(t, 202, "")
		email := freshEmail()
		proof := g.register(t, object{"email": email, "password": password}).text("registration")
		reset, verify := g.waitMail(t, u.email, 2), g.waitMail(t, email, 1)
		g.settle(t)

		kept := map[string]string{"a reset's code": reset.code, "a verification's code": verify.code, "a reset's link": reset.token,
			"a verification's link": verify.token, "a registration": proof, "a refresh token": u.refresh}
		for place, content := range g.contents(t) {
			if len(content) < 100 {
				t.Errorf("%s has %d bytes", place, len(content))
			}
			for what, value := range kept {
				if i := bytes.Index(content, []byte(value)); i >= 0 && (len(value) > 12 || !strings.Contains(place, "file") && standsAlone(content, i, len(value))) {
					t.Errorf("%s holds %s: …%.80q", place, what, content[max(0, i-40):])
				}
			}
		}
		g.codesCannotBeSearched(t, email, verify.code)
		// The codes were the live ones.
		g.api(t, "POST", "/verify", object{"email": email, "otp": verify.code, "registration": proof}).pair(t, false)
		g.api(t, "POST", "/password/reset", object{"login": u.email, "otp": reset.code, "new_password": chosenPassword}).empty(t, 204)
	})
}

// contents is everything that the database holds: each row of each table as text, and of SQLite the files.
func (g *gateway) contents(t testing.TB) map[string][]byte {
	t.Helper()
	names := "select name from sqlite_master where type = 'table'"
	if g.database != "" {
		names = "select table_name::text from information_schema.tables where table_schema = 'public'"
	}
	var rows bytes.Buffer
	tables := g.query(t, names)
	for _, name := range tables {
		for _, row := range g.query(t, fmt.Sprintf("select * from %v", name[0])) {
			for _, value := range row {
				if b, ok := value.([]byte); ok {
					fmt.Fprintf(&rows, "%q ", b)
				} else {
					fmt.Fprintf(&rows, "%v ", value)
				}
			}
			rows.WriteByte('\n')
		}
	}
	if len(tables) < 10 {
		t.Errorf("a dump of %d tables", len(tables))
	}
	out := map[string][]byte{"the rows": rows.Bytes()}
	if g.database == "" {
		for _, suffix := range []string{"", "-wal"} {
			text, err := os.ReadFile(g.sqlitePath() + suffix)
			if err != nil {
				t.Fatal(err)
			}
			out["the file"+suffix] = text
		}
	}
	return out
}

// codesCannotBeSearched hashes every code there is, alone and with what the row says, and finds none stored.
func (g *gateway) codesCannotBeSearched(t testing.TB, subject, code string) {
	t.Helper()
	stored := map[[32]byte]bool{}
	for _, row := range g.query(t, "select code_digest, token_digest, id, subject from challenges") {
		d, ok := row[0].([]byte)
		if !ok || len(d) != 32 {
			t.Fatalf("a code is stored as %v", row[0])
		}
		stored[[32]byte(d)] = true
	}
	if len(stored) < 2 {
		t.Fatalf("%d codes are stored", len(stored))
	}
	text := []byte("verify_email" + subject + "000000")
	digits := text[len(text)-6:]
	for n := range 1_000_000 {
		for i, rest := 5, n; i >= 0; i, rest = i-1, rest/10 {
			digits[i] = byte('0' + rest%10)
		}
		for _, from := range []int{0, len("verify_email"), len(text) - 6} { // purpose, subject and code; subject and code; code
			if stored[sha256.Sum256(text[from:])] {
				t.Fatalf("the code %s is found by hashing", digits)
			}
		}
	}
	if g.database != "" {
		return
	}
	// With the key, which lies sealed under a secret that is not in the database, it is the one that was mailed.
	k, err := secret.NewMACKey(g.signingKey(t, "internal").private.([]byte))
	if err != nil {
		t.Fatal(err)
	}
	if d := k.Derive("code").Derive("code").MAC([]byte("verify_email"), []byte(subject), []byte(code)); !stored[d] {
		t.Error("the code that was mailed is not the one that is stored; the search above proves nothing")
	}
}
