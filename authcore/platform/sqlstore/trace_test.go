package sqlstore_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// ended is what a Trace was told of a call.
type ended struct {
	sqldb.Call
	err error
}

type tracedKey struct{}

// TestTrace_HearsOfEveryCall: of each call its begin and its end, with what the caller got, and that the work runs in the
// context that the Trace gave.
func TestTrace_HearsOfEveryCall(t *testing.T) {
	t.Parallel()
	var calls []ended
	open := 0
	s, err := sqlstore.Open(t.Context(), sqlstore.Config{URL: sqliteURL(t), Logger: slog.New(slog.DiscardHandler), Now: time.Now,
		Trace: func(ctx context.Context, c sqldb.Call) (context.Context, func(error)) {
			open++
			ctx, cancel := context.WithCancel(ctx)
			if ctx.Value(tracedKey{}) != nil {
				cancel()
			}
			return ctx, func(err error) {
				open--
				cancel()
				calls = append(calls, ended{c, err})
			}
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls = nil
	_, missing := s.AccountByID(t.Context(), uuid.New())
	cleared := s.ClearLockout(t.Context(), "nobody")
	recorded := s.Record(t.Context(), authcore.Effects{})
	canceled := s.Ping(context.WithValue(t.Context(), tracedKey{}, true))
	want := []ended{{sqldb.Call{Step: "find account"}, missing}, {sqldb.Call{Step: "clear lockout", Writes: true}, cleared},
		{sqldb.Call{Step: "record events", Writes: true}, recorded}, {sqldb.Call{Step: "ping database"}, canceled}}
	if !slices.Equal(calls, want) || open != 0 {
		t.Errorf("told of %+v, %d open; want %+v", calls, open, want)
	}
	if !errors.Is(missing, authcore.ErrNotFound) || cleared != nil || recorded != nil || !errors.Is(canceled, context.Canceled) {
		t.Errorf("the calls ended with %v, %v, %v, %v", missing, cleared, recorded, canceled)
	}
	if c := s.Connections(); c.Max < 4 || c.InUse != 0 || c.Waiting != 0 {
		t.Errorf("the pool at rest: %+v", c)
	}
}
