package profile_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/profile"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

func rename(t *testing.T, e *testflow.Env, id uuid.UUID, name string) error {
	t.Helper()
	_, err := e.Profile.Change(t.Context(), id, profile.Patch{Username: &name}, testflow.Client())
	return err
}

func TestRename(t *testing.T) {
	t.Parallel()
	const address = "ada@example.com"
	e := testflow.New(t, testflow.Options{})
	id := e.Person(t, signup.RegisterInput{Email: address}).Account.ID
	told := func() (n int) {
		for _, m := range e.Mails(t, address) {
			if m.Kind == authcore.MailUsernameChanged && m.Link != "" {
				n++
			}
		}
		return n
	}
	for i, step := range []struct {
		name string
		told int
	}{{"ada", 0}, {"ADA", 0}, {"ada.l", 1}, {"ada.l", 1}, {"", 2}, {"ada", 2}, {"ada.k", 3}} {
		if err := rename(t, e, id, step.name); err != nil || told() != step.told {
			t.Fatalf("step %d, %q: %v, and %d mails, want %d", i, step.name, err, told(), step.told)
		}
	}
	testflow.WantCode(t, rename(t, e, id, "ada.m"), authcore.LimitReached)
	testflow.WantCode(t, rename(t, e, id, ""), authcore.LimitReached)
	name := "Ada"
	if _, err := e.Profile.Change(t.Context(), id, profile.Patch{FirstName: &name}, testflow.Client()); err != nil {
		t.Error(err)
	}
	e.Clock.Advance(30*24*time.Hour + time.Second)
	if err := rename(t, e, id, "ada.m"); err != nil {
		t.Error(err)
	}
	// What it was once known by stays its own.
	other := e.Person(t, signup.RegisterInput{Email: "ben@example.com"}).Account.ID
	testflow.WantCode(t, rename(t, e, other, "ada.l"), authcore.InvalidFields)
}

// Of a hundred changes at once no more than three come about: nobody collects names.
func TestRename_AtOnce(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	id := e.Person(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"}).Account.ID
	var changed atomic.Int32
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			if rename(t, e, id, fmt.Sprint("name", i)) == nil {
				changed.Add(1)
			}
		})
	}
	all.Wait()
	if n := changed.Load(); n != 3 {
		t.Errorf("changed %d times", n)
	}
}

func TestRename_LastWayIn(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{Mode: signup.Open, Identities: []authcore.IdentifierKind{authcore.KindUsername}})
	made := e.Register(t, signup.RegisterInput{Email: "ada@example.com", Username: "ada"})
	testflow.WantCode(t, rename(t, e, made.Account.ID, ""), authcore.LastWayIn)
	if err := rename(t, e, made.Account.ID, "ada.l"); err != nil {
		t.Error(err)
	}
}
