package signin_test

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// create stores an account as it is.
func create(t *testing.T, e *testflow.Env, a authcore.Account) uuid.UUID {
	t.Helper()
	a.ID, a.CreatedAt, a.UpdatedAt = uuid.New(), e.Clock.Now(), e.Clock.Now()
	ids := []authcore.Identifier{{Kind: authcore.KindEmail, Value: a.Email}}
	if err := e.Store.CreateAccount(t.Context(), a, ids, authcore.Effects{}); err != nil {
		t.Fatalf("create account: %v", err)
	}
	return a.ID
}

// withPassword is an account with a verified address and testflow.Password.
func withPassword(t *testing.T, e *testflow.Env, address string) authcore.Account {
	t.Helper()
	hash, err := e.Hasher.Hash(t.Context(), testflow.Password)
	if err != nil {
		t.Fatal(err)
	}
	return authcore.Account{Email: address, EmailVerifiedAt: e.Clock.Now(), PasswordHash: hash}
}

// occupy keeps the one worker of a hasher at work until the returned function is called, which waits for its end.
func occupy(t *testing.T, h *passhash.Hasher) (release func()) {
	t.Helper()
	const slow = "$argon2id$v=19$m=131072,t=16,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := h.Verify(t.Context(), slow, testflow.Password); err != nil {
			t.Errorf("slow hash: %v", err)
		}
	})
	for deadline := time.Now().Add(10 * time.Second); h.InFlight() == 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the slow hash does not begin")
		}
	}
	return wg.Wait
}
