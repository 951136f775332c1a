package sqlstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// There are 10 000 rules at the most; one that has expired, or is removed, makes room. Those of traps take none of it (D10).
func TestAddBlock_Limit(t *testing.T) {
	t.Parallel()
	s := migrated(t, sqliteURL(t))
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	trap := block.Rule{ID: uuid.Must(uuid.NewV7()), Kind: block.IP, Pattern: "203.0.113.7", For: []block.Act{block.SignUp}, Source: block.FromTrap, CreatedAt: now, ExpiresAt: now.Add(9 * time.Hour)}
	if _, _, err := s.SpringTrap(t.Context(), trap, 1, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	sqlstore.Change(t, s, `insert into blocks (id, kind, pattern, acts, reason, source, created_at, expires_at)
		with recursive n(i) as (select 1 union all select i + 1 from n where i < $1)
		select 'rule ' || i, 'email', '*@' || i || '.example', 'signup', '', 'runtime', 0, $2 from n`, block.MaxRules-1, now.Add(time.Hour).UnixMicro())
	add := func(at time.Time) (uuid.UUID, error) {
		r := block.Rule{ID: uuid.Must(uuid.NewV7()), Kind: block.Email, Pattern: "*@last.example", For: block.DefaultActs(), Source: block.FromRuntime, CreatedAt: at}
		return r.ID, s.AddBlock(t.Context(), r, authcore.Effects{})
	}
	last, err := add(now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := add(now); !errors.Is(err, block.ErrTooMany) {
		t.Errorf("one more: %v", err)
	}
	if err := s.RemoveBlock(t.Context(), last, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	for _, at := range []time.Time{now, now.Add(time.Hour)} {
		if _, err := add(at); err != nil {
			t.Errorf("at %s: %v", at, err)
		}
	}
}
