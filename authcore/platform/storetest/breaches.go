package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var breaches = []promise{
	{"a breached password is told once, and again after another one was set", tellBreach},
	{"100 tell of one password: one does", tellBreachRace},
}

func tellBreach(t *testing.T, s Store) {
	ctx := t.Context()
	a := withAccount(t, s, "ada")
	told := start.Add(time.Minute)
	wants(t, s.TellBreach(ctx, a.ID, "another", told, mails(1)), authcore.ErrNotFound)
	wants(t, s.TellBreach(ctx, uuid.New(), a.PasswordHash, told, mails(1)), authcore.ErrNotFound)
	must(t, s.TellBreach(ctx, a.ID, a.PasswordHash, told, mails(1)))
	wants(t, s.TellBreach(ctx, a.ID, a.PasswordHash, told.Add(time.Hour), mails(1)), authcore.ErrNotFound)
	got, err := s.AccountByID(ctx, a.ID)
	if must(t, err); !got.BreachToldAt.Equal(told) {
		t.Errorf("told at %v, want %v", got.BreachToldAt, told)
	}
	must(t, s.ReplacePasswordHash(ctx, a.ID, a.PasswordHash, "the same at another cost"))
	wants(t, s.TellBreach(ctx, a.ID, "the same at another cost", told, mails(1)), authcore.ErrNotFound)
	change := aChange(a, "new")
	change.Old = "the same at another cost"
	got, _, err = s.ChangePassword(ctx, change)
	if must(t, err); !got.BreachToldAt.IsZero() {
		t.Error("another password counts as told of")
	}
	must(t, s.TellBreach(ctx, a.ID, "new", told, mails(1)))
	got, _, err = s.ResetPassword(ctx, aReset(resetChallenge(t, s, got), got))
	if must(t, err); !got.BreachToldAt.IsZero() {
		t.Error("a password that was reset counts as told of")
	}
	if n, _, err := s.OutboxDepth(ctx); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want 2", n, err)
	}
}

func tellBreachRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	counts := countErrors(t, atOnce(100, func(i int) error {
		return s.TellBreach(t.Context(), a.ID, a.PasswordHash, start.Add(time.Duration(i)), mails(1))
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Error(fmt.Sprint(counts), "want one who tells")
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}
