package browser

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// takeConsole takes pictures of the console of a gateway with a day behind it.
func takeConsole(t *testing.T, folder string) {
	t.Helper()
	const admin = "ada.lovelace@example.com"
	text, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	g, p := start(t, strings.Replace(text, "gatehouse {", "gatehouse {\n\t\tadmins "+admin, 1)), open(t, way{})
	p.callItself("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	p.join(g, g.origin(), admin)
	g.Kill()
	staff(t, filepath.Join(g.Dir, ".gatehouse", "gatehouse.db"))
	if err := g.Run(); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]string{"console.png": "/auth/console", "console-users.png": "/auth/console/users"} {
		p.visit(g.origin() + at)
		if err := os.WriteFile(filepath.Join(folder, name), p.shoot(false), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// staff writes accounts, and what a day has been like, into the database of a gateway that is stopped.
func staff(t *testing.T, file string) {
	t.Helper()
	store, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: "sqlite:" + file, Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now()
	days := func(n float64) int64 { return now.Add(-time.Duration(n * 24 * float64(time.Hour))).UnixMicro() }
	write := func(statement string, args ...any) {
		t.Helper()
		if err := store.Single(t.Context(), "fill", func(ctx context.Context, q sqldb.Querier) error {
			_, err := sqldb.Exec(ctx, q, statement, args...)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	write("update users set first_name = 'Ada', last_name = 'Lovelace', username = 'ada', created_at = $1", days(120))
	for i, who := range []struct{ first, last, roles, state string }{
		{"Grace", "Hopper", `["auditor"]`, ""}, {"Alan", "Turing", `["staff"]`, ""}, {"Radia", "Perlman", `["staff","network"]`, ""}, {"Edsger", "Dijkstra", "[]", "disabled"},
		{"Margaret", "Hamilton", `["staff"]`, ""}, {"Linus", "Torvalds", "[]", ""}, {"Barbara", "Liskov", `["staff"]`, ""}, {"Konrad", "Zuse", "[]", ""},
		{"Frances", "Allen", "[]", ""}, {"Deploy", "", `["deploy"]`, "service"}, {"Donald", "Knuth", "[]", ""}, {"Katherine", "Johnson", `["staff"]`, ""},
	} {
		email, verified, kind, disabled, seen := strings.ToLower(who.first+"."+who.last)+"@example.com", any(days(1)), "person", any(nil), any(days(float64(i)*0.37+0.02))
		switch who.state {
		case "disabled":
			disabled = days(2)
		case "service":
			email, verified, kind, seen = "", nil, "service", nil
		}
		write(`insert into users (id, email, email_verified_at, username, phone, first_name, last_name, avatar_url, roles, password_hash, epoch, roles_version, disabled_at, kind, last_sign_in_at,
			created_at, updated_at) values ($1, $2, $3, $4, '', $5, $6, '', $7, '', 0, 0, $8, $9, $10, $11, $11)`, fmt.Sprintf("0198c2f4-7a11-7cc2-9d4e-%012d", i), email, verified,
			strings.ToLower(who.first), strings.TrimSpace(who.first), who.last, who.roles, disabled, kind, seen, days(float64(i)*6+1))
	}
	for ago := range 24 {
		hour := now.Add(-time.Duration(ago) * time.Hour).Truncate(time.Hour)
		work := math.Max(0.06, math.Sin(math.Pi*(float64(hour.Hour())-5)/15)) // a day begins at five and ends at eight
		for _, f := range []struct {
			name, result, method string
			n                    float64
		}{
			{stats.SignIns, "success", "password", 140 * work}, {stats.SignIns, "success", "passkey", 90 * work}, {stats.SignIns, "success", "provider", 40 * work},
			{stats.SignIns, "success", "code", 18 * work}, {stats.SignIns, "invalid_credentials", "password", 14*work + float64(ago*7%5)}, {stats.SessionsActive, "", "", 800 + 300*work},
			{stats.AccountsCreated, "", "", 9 * work}, {stats.Lockouts, "", "", float64(ago * 5 % 3)}, {stats.Blocks, "", "", float64(ago * 11 % 7)}, {stats.MailQueue, "", "", float64(ago * 3 % 4)},
		} {
			write("insert into stats (hour, name, result, method, n) values ($1, $2, $3, $4, $5) on conflict (hour, name, result, method) do update set n = excluded.n", hour.UnixMicro(), f.name, f.result, f.method, int64(f.n))
		}
	}
}
