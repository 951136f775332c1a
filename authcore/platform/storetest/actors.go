package storetest

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/identifier"
)

var actors = []promise{
	{"who acts by a session that has ended, or at a former epoch, changes nothing", deadActors},
	{"who acts by a live session changes what others do, and may end that session", liveActors},
}

// acting is a context in which the owner of a session makes changes.
func acting(ctx context.Context, sess authcore.Session) context.Context {
	return authcore.ActAs(ctx, authcore.Holder{SessionID: sess.ID, AccountID: sess.AccountID, Epoch: sess.AccountEpoch})
}

// actorChanges are changes of an account by its owner, those that end the session last.
func actorChanges(t testing.TB, s Store, a authcore.Account, sess authcore.Session) []struct {
	name string
	do   func(context.Context) error
} {
	name, now := "thief", start.Add(time.Minute)
	claimed := claimsAddress(t, s, a, "claimed@example.com", "claimed")
	ch := aChallenge(authcore.PurposeConfirmPhone, identifier.AccountKey(a.ID), "again")
	ch.AccountID = a.ID
	restore := aChallenge(authcore.PurposeRestore, "account:"+a.ID.String(), "restore")
	restore.AccountID, restore.ExpiresAt = a.ID, start.Add(time.Hour)
	return []struct {
		name string
		do   func(context.Context) error
	}{
		{"claim", func(ctx context.Context) error {
			return s.ClaimContact(ctx, contact.Claim{AccountID: a.ID, Channel: authcore.BySMS, Address: "+4366411122233", Until: start.Add(time.Hour),
				Challenge: ch, Now: now}, mails(1))
		}},
		{"session's name", func(ctx context.Context) error {
			_, err := s.RenameSession(ctx, a.ID, sess.ID, "mine", now, authcore.Effects{})
			return err
		}},
		{"confirmation", func(ctx context.Context) error {
			_, err := s.ConfirmContact(ctx, confirmation(claimed, a, "claimed@example.com"))
			return err
		}},
		{"username", func(ctx context.Context) error {
			_, err := s.UpdateProfile(ctx, a.ID, authcore.ProfileChange{Username: &name}, true, now, authcore.Effects{})
			return err
		}},
		{"removal", func(ctx context.Context) error {
			before, err := s.AccountByID(ctx, a.ID)
			if err == nil {
				_, err = s.RemoveContact(ctx, contact.Removal{Channel: authcore.ByEmail, Before: before, Now: now})
			}
			return err
		}},
		{"ends of sessions", func(ctx context.Context) error {
			_, err := s.RevokeSessions(ctx, a.ID, []uuid.UUID{uuid.New()}, false, now, authcore.Effects{})
			return err
		}},
		{"forgotten devices", func(ctx context.Context) error {
			_, err := s.ForgetDevices(ctx, aForgetting(sess, uuid.New()))
			return err
		}},
		{"password", func(ctx context.Context) error {
			_, _, err := s.ChangePassword(ctx, authcore.PasswordChange{AccountID: a.ID, Old: a.PasswordHash, PasswordHash: "thief's", Now: now})
			return err
		}},
		{"deletion with grace", func(ctx context.Context) error {
			return s.ScheduleDeletion(ctx, authcore.DeletionRequest{AccountID: a.ID, DeletesAt: restore.ExpiresAt, Restore: restore, Now: now})
		}},
		{"deletion", func(ctx context.Context) error { return s.DeleteAccount(ctx, aDeletion(a)) }},
	}
}

func deadActors(t *testing.T, s Store) {
	for name, end := range map[string]func(a authcore.Account, sess authcore.Session) error{
		"the session has ended": func(a authcore.Account, sess authcore.Session) error {
			_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{sess.ID}, false, start, authcore.Effects{})
			return err
		},
		"the epoch was raised": func(a authcore.Account, _ authcore.Session) error {
			_, _, err := s.EndAccount(t.Context(), a.ID, start, authcore.Effects{})
			return err
		},
	} {
		a := aMember(t, s, "a"+uuid.NewString()[:8])
		sess := withSession(t, s, a, a.Username)
		changes := actorChanges(t, s, a, sess)
		must(t, end(a, sess))
		before, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		waiting, _, err := s.OutboxDepth(t.Context())
		must(t, err)
		for _, c := range changes {
			if err := c.do(acting(t.Context(), sess)); authcore.CodeOf(err) != authcore.InvalidToken {
				t.Errorf("%s, and the %s is answered %v", name, c.name, err)
			}
		}
		after, err := s.AccountByID(t.Context(), a.ID)
		if diff := cmp.Diff(before, after); diff != "" || err != nil {
			t.Errorf("%s (%v) (-before +after):\n%s", name, err, diff)
		}
		if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != waiting {
			t.Errorf("%s: %d mails, %d before (%v)", name, n, waiting, err)
		}
	}
}

func liveActors(t *testing.T, s Store) {
	of := func() (authcore.Account, authcore.Session) {
		a := aMember(t, s, "a"+uuid.NewString()[:8])
		return a, withSession(t, s, a, a.Username)
	}
	a, sess := of()
	for i, c := range actorChanges(t, s, a, sess) {
		if c.name == "password" || c.name == "deletion" || c.name == "deletion with grace" {
			a, sess := of() // each ends the session
			c = actorChanges(t, s, a, sess)[i]
			must(t, c.do(acting(t.Context(), sess)))
			if err := c.do(acting(t.Context(), sess)); authcore.CodeOf(err) != authcore.InvalidToken {
				t.Errorf("the %s by a session that it has ended is answered %v", c.name, err)
			}
			continue
		}
		if err := c.do(acting(t.Context(), sess)); err != nil {
			t.Errorf("the %s: %v", c.name, err)
		}
	}
}
