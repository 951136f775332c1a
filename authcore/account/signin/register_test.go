package signin_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/passhash"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// Who registers an address and then signs in with the password given there learns nothing about whether it has an account.
func TestL01_RegisteringTellsNothingAtSignIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Person(t, signup.RegisterInput{Email: bob})
	create(t, e, withPassword(t, e, "salted@example.com")) // under a salt that does not come from the address
	got := map[string]authcore.Code{}
	for _, address := range []string{bob, "salted@example.com", "nobody@example.com"} {
		e.Register(t, signup.RegisterInput{Email: address, Password: testflow.OtherPassword})
		_, err := e.TrySignIn(t, address, testflow.OtherPassword)
		got[address] = authcore.CodeOf(err)
	}
	if got[bob] != got["nobody@example.com"] || got["salted@example.com"] != got["nobody@example.com"] {
		t.Errorf("answers differ: %v", got)
	}
}

// Nor does who registers it several times at once, so that none of the registrations sees another.
func TestL01_RacingRegistrationsTellNothingAtSignIn(t *testing.T) {
	t.Parallel()
	const racers = 5
	cheap := testflow.CheapHash
	cheap.Workers, cheap.QueueWait = 1, time.Minute
	e := testflow.New(t, testflow.Options{Hash: cheap})
	e.Person(t, signup.RegisterInput{Email: bob})
	for _, address := range []string{bob, "nobody@example.com"} {
		release := occupy(t, e.Hasher)
		var all sync.WaitGroup
		for i := range racers {
			all.Go(func() { e.Register(t, signup.RegisterInput{Email: address, Password: racersPassword(i)}) })
		}
		await(t, e.Hasher, racers)
		release()
		all.Wait()
		for i := range racers {
			_, err := e.TrySignIn(t, address, racersPassword(i))
			if got := authcore.CodeOf(err); got != authcore.AccountNotVerified {
				t.Errorf("%s, password %d: %s, want %s", address, i, got, authcore.AccountNotVerified)
			}
		}
	}
}

func racersPassword(i int) string { return fmt.Sprintf("%s %d", testflow.OtherPassword, i) }

// await returns when n callers wait for the hasher's worker, or it is free.
func await(t *testing.T, h *passhash.Hasher, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); h.Queued() < n && h.InFlight() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d wait for the hasher, want %d", h.Queued(), n)
		}
	}
}
