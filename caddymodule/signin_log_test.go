package caddymodule

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/history"
)

// TestTold: failures and locks have one line each, with these fields and no others; what is no failure has none, and the
// history is written as ever.
func TestTold(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	var log bytes.Buffer
	s := told{f.store, slog.New(slog.NewJSONHandler(&log, nil))}
	account, at := uuid.New(), time.Now()
	c := authcore.Client{Addr: netip.MustParseAddr("2001:db8::7"), UserAgent: `"msg":"sign-in failed"`}
	err := s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{
		history.Failure(authcore.EventSignInFailed, uuid.Nil, c, authcore.InvalidCredentials, at),
		history.Failure(authcore.EventSignInFailed, account, c, authcore.InvalidCredentials, at),
		history.Failure(authcore.EventAccountLocked, account, c, authcore.AccountLocked, at),
		history.Event(authcore.EventResetRequested, account, c, at),
	}})
	if err != nil {
		t.Fatal(err)
	}
	tellReplay(t.Context(), s.logger, authcore.Rotation{
		SessionID: account, Replay: history.Failure(authcore.EventRefreshReplayed, uuid.Nil, c, authcore.RefreshTokenReused, at),
	}, authcore.RotationResult{Account: authcore.Account{ID: account, Email: "ada@example.com"}})

	var got []map[string]any
	for d := json.NewDecoder(&log); d.More(); {
		line := map[string]any{}
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		delete(line, "time")
		got = append(got, line)
	}
	id, from := account.String(), "2001:db8::7"
	want := []map[string]any{
		{"level": "INFO", "msg": "sign-in failed", "result": "invalid_credentials", "client_ip": from},
		{"level": "INFO", "msg": "sign-in failed", "result": "invalid_credentials", "client_ip": from, "account": id},
		{"level": "WARN", "msg": "sign-ins locked after failures", "result": "account_locked", "client_ip": from, "account": id},
		{"level": "WARN", "msg": "refresh token replayed; the session is ended", "result": "refresh_token_reused", "client_ip": from,
			"account": id, "session": id},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-) and logged (+):\n%s", diff)
	}
}
