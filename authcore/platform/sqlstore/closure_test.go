package sqlstore_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// What these tables keep is of nobody, or under a digest, or sealed for somebody who has no account yet.
var ofNobody = []string{"block_hits", "blocks", "former_identifiers", "leases", "lockouts", "nodes", "provider_grants", "runtime_setting_changes", "runtime_settings", "settings", "signing_keys", "social_tokens", "stats", "used_tokens"}

// A row in every table with the account in every column of an id, and its address in every text: after the deletion none has either,
// but for the revocation that ends its tokens. A table that is new, and that deletion does not know, turns this red.
func TestDeletion_LeavesNothingInAnyTable(t *testing.T) {
	t.Parallel()
	const address = "trace.of.ada@example.com"
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := migrated(t, url)
			now := time.Now().UTC().Truncate(time.Microsecond)
			ada := authcore.Account{ID: uuid.New(), Email: address, EmailVerifiedAt: now, Username: "trace.of.ada", FirstName: address,
				CreatedAt: now, UpdatedAt: now}
			other := authcore.Account{ID: uuid.New(), Email: "other@example.com", EmailVerifiedAt: now, PendingEmail: address, PendingEmailUntil: now,
				InvitedBy: ada.ID, CreatedAt: now, UpdatedAt: now}
			for _, a := range []authcore.Account{ada, other} {
				ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}}
				if a.Username != "" {
					ids = append(ids, authcore.Identifier{Kind: authcore.KindUsername, Value: a.Username})
				}
				if err := s.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
					t.Fatal(err)
				}
			}
			tables := sqlstore.Tables(t, s)
			filled := 0
			for _, table := range tables {
				if !slices.Contains(ofNobody, table.Name) && table.Name != "users" && table.Name != "identifiers" {
					table.Insert(t, s, ada.ID, address)
					filled++
				}
			}
			if filled < 10 {
				t.Fatalf("%d tables were filled", filled)
			}
			traces := func() (found []string) {
				for _, table := range tables {
					for _, trace := range []string{ada.ID.String(), address, ada.Username} {
						if n := table.Find(t, s, trace); n > 0 {
							found = append(found, fmt.Sprintf("%s: %d rows with %s", table.Name, n, trace))
						}
					}
				}
				return found
			}
			if before := traces(); len(before) < filled {
				t.Fatalf("before: %q", before)
			}
			err := s.DeleteAccount(t.Context(), authcore.Deletion{AccountID: ada.ID, Now: now, Effects: func(a authcore.Account) (authcore.Effects, error) {
				return authcore.Effects{Events: []authcore.Event{{Kind: authcore.EventAccountDeleted, At: now, AccountID: a.ID, Addr: address}}}, nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			// One that ends its tokens; the other is the row that was put there.
			if after := traces(); len(after) != 1 || after[0] != "revocations: 2 rows with "+ada.ID.String() {
				t.Errorf("after: %q", after)
			}
			if left, err := s.AccountByID(t.Context(), other.ID); err != nil || left.PendingEmail != "" || left.InvitedBy != uuid.Nil {
				t.Errorf("another's account is %+v (%v)", left, err)
			}
			if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
				for _, file := range []string{path, path + "-wal"} {
					raw, err := os.ReadFile(file)
					if err != nil || bytes.Contains(raw, []byte(address)) || bytes.Contains(raw, []byte(ada.Username)) {
						t.Errorf("the file %s holds what was deleted (%v)", file, err)
					}
				}
			}
		})
	}
}
