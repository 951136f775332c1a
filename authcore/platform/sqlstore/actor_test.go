package sqlstore_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// A change by a thief that waits while the owner ends every session must not be made after that, although the session was live when the
// change began.
func TestS08_ThiefWaitsForTheEndOfSessions(t *testing.T) {
	t.Parallel()
	url := testpg.Database(t)
	s := migrated(t, url)
	a := withAccount(t, s)
	sess := authcore.Session{ID: uuid.Must(uuid.NewV7()), AccountID: a.ID, Mode: authcore.ModeBearer, CreatedAt: time.Now(),
		RefreshDigest: secret.SumString("1"), RefreshExpiresAt: time.Now().Add(time.Hour), ExpiresAt: time.Now().Add(time.Hour)}
	if _, err := s.OpenSession(t.Context(), authcore.SessionOpening{Session: sess}); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	ends, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ends.Exec(t.Context(), "update users set epoch = epoch + 1 where id = $1", a.ID); err != nil {
		t.Fatal(err)
	}
	answered := make(chan error, 1)
	go func() {
		name := "thief"
		ctx := authcore.ActAs(t.Context(), authcore.Holder{SessionID: sess.ID, AccountID: a.ID, Epoch: a.Epoch})
		_, err := s.UpdateProfile(ctx, a.ID, authcore.ProfileChange{FirstName: &name}, true, time.Now(), authcore.Effects{})
		answered <- err
	}()
	watcher, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Close(t.Context())
	awaitWaiters(t, watcher, 1)
	if err := ends.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; authcore.CodeOf(err) != authcore.InvalidToken {
		t.Errorf("the thief is answered %v", err)
	}
	if now, err := s.AccountByID(t.Context(), a.ID); err != nil || now.FirstName != "" {
		t.Errorf("the name is %q (%v)", now.FirstName, err)
	}
}
