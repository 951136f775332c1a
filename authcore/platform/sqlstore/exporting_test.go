package sqlstore_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// What is deleted with an account is what its owner can export: every column of those tables is told, or named as one that is not.
func TestExport_KnowsEveryColumn(t *testing.T) {
	t.Parallel()
	s := migrated(t, sqliteURL(t))
	for _, table := range sqlstore.Tables(t, s) {
		if !slices.Contains(sqlstore.Erased(), table.Name) {
			continue
		}
		told, secrets := sqlstore.Exported(table.Name)
		for _, column := range table.Columns() {
			if !slices.Contains(told, column) && !slices.Contains(secrets, column) {
				t.Errorf("nothing says whether %s.%s is exported", table.Name, column)
			}
		}
	}
}

// A row in every table: each is exported, and no digest, hash or sealed value.
func TestExport_TellsEverythingButSecrets(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{"sqlite": sqliteURL(t), "postgres": testpg.Database(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, now := migrated(t, url), time.Now()
			ada := authcore.Account{ID: uuid.New(), Email: "ada@example.com", Username: "ada", PasswordHash: "hash of ada", Roles: []string{"user"}, Locale: "de", CreatedAt: now, UpdatedAt: now}
			if err := s.CreateAccount(t.Context(), ada, []authcore.Identifier{{Kind: authcore.KindUsername, Value: "ada"}}, authcore.Effects{}); err != nil {
				t.Fatal(err)
			}
			for _, table := range sqlstore.Tables(t, s) {
				if slices.Contains(sqlstore.Erased(), table.Name) && table.Name != "users" && table.Name != "identifiers" {
					table.Insert(t, s, ada.ID, "[]")
				}
			}
			all, err := s.ExportAccount(t.Context(), ada.ID)
			if err != nil {
				t.Fatal(err)
			}
			for name, rows := range all {
				if len(rows) != 1 {
					t.Errorf("%d rows of %s", len(rows), name)
				}
			}
			text, err := json.Marshal(all)
			if err != nil || len(all) < 10 || !strings.Contains(string(text), "ada@example.com") || strings.Contains(string(text), "hash of ada") {
				t.Errorf("%v: %s", err, text)
			}
			if got := all["sessions"][0]; got["created_at"] != "1970-01-01T00:00:00.000001Z" || got["short_lived"] != (name == "sqlite") {
				t.Errorf("a session is %v", got)
			}
			if got := all["pictures"][0]; got["image"] != "W10=" { // []
				t.Errorf("a picture is %v", got)
			}
			if _, err := s.ExportAccount(t.Context(), uuid.New()); err == nil {
				t.Error("an account that is not there is exported")
			}
		})
	}
}
