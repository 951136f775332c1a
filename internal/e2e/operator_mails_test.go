package e2e

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testsmtp"
)

// writeMails puts mails into a database as its nodes do, and returns their ids.
func writeMails(t testing.TB, database string, n int) map[string]bool {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: database, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	sealer, err := secret.NewSealer(secret.FromString(testSecret))
	if err != nil {
		t.Fatal(err)
	}
	outbox, err := notify.OpenOutbox(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	composer, err := notify.New(notify.Config{Store: store, Sealer: sealer, Sender: outbox})
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	var fx authcore.Effects
	for i := range n {
		m, err := composer.Compose(authcore.Message{Kind: authcore.MailPasswordReset, To: fmt.Sprintf("reader%d@example.com", i), At: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		ids[m.ID.String()] = true
		fx.Mails = append(fx.Mails, m)
	}
	for mails := range slices.Chunk(fx.Mails, 50) { // one call of the store has two seconds
		if err := store.Record(t.Context(), authcore.Effects{Mails: mails}); err != nil {
			t.Fatal(err)
		}
	}
	return ids
}

// TestK11_EachMailOnce: two nodes work on one outbox of three hundred mails, and one of them is killed amid them. The mail
// server gets every mail, and none twice but the one that the dead node may have had in hand.
func TestK11_EachMailOnce(t *testing.T) {
	t.Parallel()
	for range soak.N(1, 3) {
		server := testsmtp.Start(t, testsmtp.Setup{})
		a, b := twoNodes(t, plan{clock: true, global: mailsTo(server)})
		ids := writeMails(t, a.database, 300)
		// What a node writes itself wakes its worker; else the first one to look would have sent them all.
		var awake sync.WaitGroup
		for i, g := range []*gateway{a, b} {
			awake.Go(func() { g.signUp(t, fmt.Sprintf("waker%d@example.com", i)) })
		}
		awake.Wait()
		eventually(t, "both nodes are amid the mails", func() bool {
			senders := map[int]bool{}
			mails := server.Mails()
			for _, m := range mails {
				senders[m.Connection] = true
			}
			return len(mails) >= 20 && len(senders) >= 2
		})
		a.Kill()
		if n := len(server.Mails()); n >= len(ids) {
			t.Logf("%d mails were out before the node was killed", n)
		}
		b.advance(t, 30*time.Second) // what the dead one held is free by then
		eventually(t, "no mail is left", func() bool {
			return b.count(t, "select count(*) from outbox where due_at is not null") == 0
		})
		times := map[string]int{}
		again := 0
		for _, m := range server.Mails() {
			id := messageID.FindSubmatch(m.Content)
			if id == nil {
				t.Fatalf("a mail without an id: %.300q", m.Content)
			}
			if times[string(id[1])]++; times[string(id[1])] > 1 {
				again++
			}
			delete(ids, string(id[1]))
		}
		if len(ids) > 0 || again > 1 {
			t.Errorf("%d mails did not come, %d came again", len(ids), again)
		}
	}
}

var messageID = regexp.MustCompile(`(?mi)^Message-ID: <([0-9a-f-]{36})@`)

// TestK11_TakeOver: the node that holds a mail dies; the other one has sent it 30 seconds after the death.
func TestK11_TakeOver(t *testing.T) {
	t.Parallel()
	server := testsmtp.Start(t, testsmtp.Setup{})
	server.Behave(t, testsmtp.Plan{Always: map[string]string{testsmtp.Greeting: testsmtp.Hang}})
	p := plan{postgres: true, clock: true, global: twoIssuer}
	mute := p
	mute.global += "\t\tmail smtp smtp://" + server.Addr + "?starttls=off {\n\t\t\tfrom post@acme.example\n\t\t}\n"
	a := start(t, mute)
	ids := writeMails(t, a.database, 1)
	eventually(t, "the first node holds the mail", func() bool { return server.Connections() > 0 })
	a.Kill()
	p.global += "\t\tmail outbox " + filepath.Join(a.Dir, "data", "outbox") + "\n"
	b := nodeBeside(t, p, a.database)
	b.advance(t, 25*time.Second) // and up to five until its next look
	inTime(t, 6*time.Second+soakSlack, "the other node has the mail", func() bool { return len(a.outboxIDs(t)) == len(ids) })
}

// soakSlack is what a machine that does other things at the same time may add.
const soakSlack = 10 * time.Second
