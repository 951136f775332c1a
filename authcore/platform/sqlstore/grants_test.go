package sqlstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// What takes consent back outlives the connection, and says nothing of whose it was.
func TestGrant_NamesNobody(t *testing.T) {
	t.Parallel()
	s := migrated(t, sqliteURL(t))
	now := time.Now().UTC().Truncate(time.Microsecond)
	none := func(authcore.Account) (authcore.Effects, error) { return authcore.Effects{}, nil }
	a := authcore.Account{ID: uuid.New(), Email: "ada@example.com", CreatedAt: now, UpdatedAt: now}
	if err := s.CreateAccount(t.Context(), a, nil, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	c := authcore.Connection{ID: uuid.New(), AccountID: a.ID, Provider: "apple", Issuer: "https://appleid.apple.com", Subject: "1", ConnectedAt: now, Grant: []byte("sealed")}
	if _, err := s.Connect(t.Context(), authcore.Connecting{Connection: c, Effects: none, Now: now}); err != nil {
		t.Fatal(err)
	}
	err := s.Disconnect(t.Context(), authcore.Disconnecting{AccountID: a.ID, ID: c.ID, Now: now, May: func(authcore.Account, []authcore.Factor, []authcore.Connection) error { return nil },
		Effects: func(authcore.Account, authcore.Connection) (authcore.Effects, error) { return authcore.Effects{}, nil }})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range sqlstore.Tables(t, s) {
		if table.Name == "provider_grants" && (table.Find(t, s, c.ID.String()) > 0 || table.Find(t, s, "apple") != 1) {
			t.Error("it names the connection")
		}
	}
}
