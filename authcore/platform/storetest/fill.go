package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
)

// Fill puts rows into every table: n sessions with their events, claims and mails, each field set at least once and each
// that may be empty left out at least once. CheckFilled knows what they were.
func Fill(t testing.TB, s Store, n int) {
	t.Helper()
	ctx := t.Context()
	ada := withAccount(t, s, "ada")
	plain := authcore.Account{ID: uuid.New(), Email: "plain@example.com", CreatedAt: start, UpdatedAt: start, Epoch: 1}
	must(t, s.CreateAccount(ctx, plain, []authcore.Identifier{email(plain.Email)}, authcore.Effects{}))
	live := withSession(t, s, ada, "live")
	_, err := s.RotateRefresh(ctx, rotation(live, "live", "next", time.Second))
	must(t, err)
	for i := range n {
		a := plain
		a.ID, a.Email = uuid.New(), fmt.Sprintf("person%d@example.com", i)
		event := anEvent(authcore.EventSignedIn, start)
		if i%2 == 0 {
			event.AccountID, event.SessionID = a.ID, uuid.New()
		}
		must(t, s.CreateAccount(ctx, a, []authcore.Identifier{email(a.Email)}, authcore.Effects{Events: []authcore.Event{event}}))
		sess := aSession(a, fmt.Sprint("token ", i))
		if i%2 == 0 {
			sess.AuthTime, sess.AccessUntil, sess.AMR = time.Time{}, time.Time{}, nil
		} else {
			sess.ParentID, sess.Origin = uuid.New(), "https://app.example.com"
		}
		must(t, openPlain(ctx, s, sess, authcore.Effects{}))
	}
	must(t, s.SaveFigures(ctx, []stats.Figure{{Hour: start.Truncate(time.Hour), Name: stats.Lockouts, N: 1}}))
	must(t, s.SaveNode(ctx, stats.Node{ID: uuid.New(), Version: "v1", State: stats.NodeReady, StartedAt: start, SeenAt: start}))
	_, err = s.Lease(ctx, "filled", start, start.Add(time.Minute))
	must(t, err)
	_, err = s.SetAvatar(ctx, plain.ID, "picture", pictures("picture"), start, authcore.Effects{})
	must(t, err)
	fx := mails(3)
	fx.Mails[2].Dummy = true
	must(t, s.Record(ctx, fx))
	must(t, s.MailSent(ctx, fx.Mails[0].ID, start))
	used := aSecurityLink(ada.ID, "used", 0)
	used.Undo, used.UsedAt = nil, start
	must(t, s.Record(ctx, authcore.Effects{SecurityLinks: []authcore.SecurityLink{aSecurityLink(ada.ID, "open", time.Second), used}}))
	must(t, s.CreateInvitation(ctx, anInvitation(uuid.Nil, "operator's"), 0, authcore.Effects{}))
	invited := invites(t, s, ada.ID, "used")
	must(t, s.RevokeInvitation(ctx, invites(t, s, ada.ID, "revoked").ID, start, authcore.Effects{}))
	must(t, registersInvited(ctx, s, anAccount("invited"), invited.ID))
	_, _ = opened(t, s, anOpening(plain, "phone", "phone")), opened(t, s, aDialectOpening(plain, "dialect"))
	ch := aChallenge(authcore.PurposeResetPassword, "subject", "1")
	ch.AccountID = ada.ID
	issued(t, s, ch)
	open := aChallenge(authcore.PurposeVerifyEmail, "other", "2")
	open.AttemptsResetAt = time.Time{}
	issued(t, s, open)
	must(t, s.SaveRegistration(ctx, authcore.Registration{ID: uuid.New(), Channel: authcore.ByEmail, Address: "new@example.com", ProofDigest: sum("proof").Bytes(),
		PasswordHash: "$argon2id$", CreatedAt: start, ExpiresAt: start.Add(24 * time.Hour)}, 10, nil, authcore.Effects{}))
	_, err = s.ChangeLockout(ctx, "0\u00e4", authcore.Lockout{}, aLockout("0\u00e4", 2, "1@2"))
	must(t, err)
	fillConnections(t, s, ada, plain)
	_, err = s.ChangeKeys(ctx, start, Birth("fill "))
	must(t, err)
	gone := withSession(t, s, ada, "gone")
	_, err = s.RevokeSessions(ctx, ada.ID, []uuid.UUID{gone.ID}, false, start.Add(2*time.Second), authcore.Effects{})
	must(t, err)
}

// CheckFilled tests that a store, which Fill has not filled itself, serves what it was filled with. Once for a store.
func CheckFilled(t testing.TB, s Store) {
	t.Helper()
	ctx := t.Context()
	ada, err := s.AccountByIdentifier(ctx, username("ada"))
	must(t, err)
	if want := anAccount("ada"); ada.FirstName != want.FirstName || ada.LastName != want.LastName || ada.Epoch != want.Epoch ||
		len(ada.Roles) != len(want.Roles) || !ada.CreatedAt.Equal(want.CreatedAt) {
		t.Errorf("the account is %+v, was %+v", ada, want)
	}
	sessions, err := s.Sessions(ctx, ada.ID, start.Add(time.Minute))
	must(t, err)
	if len(sessions) != 1 {
		t.Fatalf("%d live sessions, want the one that was not ended", len(sessions))
	}
	// Its client has the token of the rotation, and may have lost that answer.
	again, err := s.RotateRefresh(ctx, rotation(sessions[0], "live", "other", 2*time.Second))
	if err != nil || again.Outcome != authcore.Repeated || string(again.SealedSuccessor) != "sealed next" {
		t.Errorf("a lost answer: %+v (%v)", again.Outcome, err)
	}
	next, err := s.RotateRefresh(ctx, rotation(sessions[0], "next", "later", time.Minute))
	if err != nil || next.Outcome != authcore.Rotated {
		t.Errorf("a refresh: %+v (%v)", next.Outcome, err)
	}
	before, err := s.LiveRevocations(ctx, 0, start)
	must(t, err)
	ended, err := s.RevokeSessions(ctx, ada.ID, nil, true, start.Add(time.Minute), authcore.Effects{})
	must(t, err)
	if len(before) != 1 || len(ended) != 1 || ended[0].Seq <= before[0].Seq {
		t.Errorf("revocations before %+v, and now %+v", before, ended)
	}
	if _, err := s.ProveCode(ctx, authcore.PurposeResetPassword, "subject", sum("code 1"), secret.Digest{}, start); err != nil {
		t.Errorf("a code: %v", err)
	}
	claimed, err := s.ClaimMail(ctx, start, time.Minute, 10)
	if err != nil || len(claimed) != 4 {
		t.Errorf("%d mails are due (%v), want 4", len(claimed), err)
	}
	settings, err := s.RuntimeSettings(ctx)
	if err != nil || settings.Version != 1 || len(settings.Overrides) != 1 || settings.Overrides[0].Value != "1m" {
		t.Errorf("settings %+v (%v)", settings, err)
	}
	links, err := s.OpenContactLinks(ctx, ada.ID, start)
	if err != nil || len(links) != 1 || string(links[0].Undo) != "sealed open" {
		t.Errorf("open links: %+v (%v)", links, err)
	}
	taken := anAccount("eve")
	taken.Username = "ada"
	err = s.CreateAccount(ctx, taken, idsOf(taken), authcore.Effects{})
	if kind := new(authcore.TakenError); !errors.As(err, &kind) {
		t.Errorf("a name in use: %v", err)
	}
}
