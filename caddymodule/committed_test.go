package caddymodule

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqlstore"
)

// TestTell: failures, locks and replays have one line each, with these fields and no others; what is no attack has none, and
// the history is written as ever.
func TestTell(t *testing.T) {
	t.Parallel()
	f := newOnSecretFile(t)
	var log bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&log, nil))
	s := f.store.AfterCommit(func(ctx context.Context, done sqlstore.Commit) {
		for _, e := range done.Events {
			tell(ctx, logger, e)
		}
	})
	account, at := uuid.New(), time.Now()
	c := authcore.Client{Addr: netip.MustParseAddr("2001:db8::7"), UserAgent: `"msg":"sign-in failed"`}
	err := s.Record(t.Context(), authcore.Effects{Events: []authcore.Event{
		audit.Failure(authcore.EventSignInFailed, uuid.Nil, c, authcore.InvalidCredentials, at),
		audit.Failure(authcore.EventSignInFailed, account, c, authcore.InvalidCredentials, at),
		audit.Failure(authcore.EventAccountLocked, account, c, authcore.AccountLocked, at),
		audit.Event(authcore.EventResetRequested, account, c, at),
		audit.Failure(authcore.EventPasswordChanged, account, c, authcore.InvalidCredentials, at),
		audit.Event(authcore.EventPasswordChanged, account, c, at),
		audit.Event(authcore.EventAccountSecured, account, c, at),
	}})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(accountsSecured)
	if families, err := registry.Gather(); err != nil || len(families) != 1 || families[0].Metric[0].Counter.GetValue() != 1 {
		t.Errorf("accounts counted as secured: %v (%v)", families, err)
	}
	session := rotateThrice(t, s, account, c)

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
		{"level": "INFO", "msg": "wrong password of a session", "result": "invalid_credentials", "client_ip": from, "account": id},
		{"level": "WARN", "msg": "account secured by its owner", "result": "success", "client_ip": from, "account": id},
		{"level": "WARN", "msg": "refresh token replayed; the session is ended", "result": "refresh_token_reused", "client_ip": from,
			"account": id, "session": session.String()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-) and logged (+):\n%s", diff)
	}
}

// rotateThrice presents the first refresh token of a new session three times: it is rotated, repeated, and replayed.
func rotateThrice(t *testing.T, s *sqlstore.Store, account uuid.UUID, c authcore.Client) (session uuid.UUID) {
	t.Helper()
	ctx, at := t.Context(), time.Now()
	a := authcore.Account{ID: account, Email: "ada@example.com", EmailVerifiedAt: at, Epoch: 1, RolesVersion: 1, CreatedAt: at, UpdatedAt: at}
	if err := s.CreateAccount(ctx, a, []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}}, authcore.Effects{}); err != nil {
		t.Fatal(err)
	}
	live := authcore.Session{ID: uuid.Must(uuid.NewV7()), AccountID: account, AccountEpoch: 1, Mode: authcore.ModeBearer, AMR: []string{"pwd"},
		AuthTime: at, CreatedAt: at, LastSeenAt: at, RefreshDigest: secret.SumString("first"), RefreshExpiresAt: at.Add(time.Hour),
		ExpiresAt: at.Add(time.Hour), AccessUntil: at.Add(time.Hour), Addr: audit.Addr(c), UserAgent: audit.UserAgent(c)}
	if _, err := s.OpenSession(ctx, authcore.SessionOpening{Session: live}); err != nil {
		t.Fatal(err)
	}
	for _, turn := range []struct {
		after time.Duration
		want  authcore.RotationOutcome
	}{{time.Second, authcore.Rotated}, {2 * time.Second, authcore.Repeated}, {time.Minute, authcore.Replayed}} {
		now := at.Add(turn.after)
		res, err := s.RotateRefresh(ctx, authcore.Rotation{SessionID: live.ID, Token: live.RefreshDigest, Next: secret.SumString("second"),
			SealedSuccessor: []byte("sealed"), Mode: live.Mode, Addr: live.Addr, UserAgent: live.UserAgent, Now: now, Leeway: 10 * time.Second,
			RefreshExpiresAt: at.Add(time.Hour), AccessUntil: at.Add(time.Hour),
			Repeat: audit.Event(authcore.EventRefreshRepeated, uuid.Nil, c, now),
			Replay: audit.Failure(authcore.EventRefreshReplayed, uuid.Nil, c, authcore.RefreshTokenReused, now)})
		if err != nil || res.Outcome != turn.want {
			t.Fatalf("after %s: outcome %d and %v, want %d", turn.after, res.Outcome, err, turn.want)
		}
	}
	return live.ID
}
