package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var resets = []promise{
	{"a reset ends every session and every other challenge", resetEnds},
	{"a reset proves the address", resetProves},
	{"a reset is good at the address that it was sent to", resetSentTo},
	{"a reset by number leaves what others sign up with", resetByNumber},
	{"a reset gives a claimed address to a new account", resetInstead},
	{"a disabled account is not found and stays as it is", resetRefused},
	{"O04 100 use one reset: one wins", resetRace},
	{"a session that is opened during a reset is covered by its revocation", resetCovers},
}

func aReset(ch authcore.Challenge, a authcore.Account) authcore.Reset {
	return authcore.Reset{ChallengeID: ch.ID, AccountID: a.ID, PasswordHash: "new", Now: start}
}

func resetChallenge(t testing.TB, s Store, a authcore.Account) authcore.Challenge {
	t.Helper()
	ch := aChallenge(authcore.PurposeResetPassword, "account:"+a.ID.String(), "reset")
	ch.AccountID = a.ID
	return issued(t, s, ch)
}

func resetEnds(t *testing.T, s Store) {
	want := withAccount(t, s, "anna")
	first := withSession(t, s, want, "first")
	second := aSession(want, "second")
	second.AccessUntil = start.Add(7 * time.Minute)
	must(t, openPlain(t.Context(), s, second, authcore.Effects{}))
	other := aChallenge(authcore.PurposeVerifyEmail, "other", "1")
	other.AccountID = want.ID
	issued(t, s, other)
	foreign := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, "foreign@example.com", "2"))

	r := aReset(resetChallenge(t, s, want), want)
	r.Effects = mails(1)
	got, rev, err := s.ResetPassword(t.Context(), r)
	must(t, err)
	want.PasswordHash, want.Epoch, want.UpdatedAt = "new", want.Epoch+1, start
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if rev.AccountID != want.ID || rev.SessionID != uuid.Nil || rev.Epoch != want.Epoch || !rev.Until.Equal(second.AccessUntil) {
		t.Errorf("revocation %+v, want the account's until %v", rev, second.AccessUntil)
	}
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 1 || list[0] != rev {
		t.Errorf("revocations %+v (%v), want the one returned", list, err)
	}
	for _, sess := range []authcore.Session{first, second} {
		_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
	if list, err := s.Sessions(t.Context(), want.ID, start); err != nil || len(list) != 0 {
		t.Errorf("%d sessions live (%v)", len(list), err)
	}
	_, err = s.ProveToken(t.Context(), other.Purpose, other.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ProveToken(t.Context(), foreign.Purpose, foreign.TokenDigest, start)
	must(t, err)
	_, _, err = s.ResetPassword(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails (%v), want 1", n, err)
	}
}

func resetProves(t *testing.T, s Store) {
	want := unverified(t, s, "anna")
	got, _, err := s.ResetPassword(t.Context(), aReset(resetChallenge(t, s, want), want))
	must(t, err)
	want.PasswordHash, want.Epoch, want.UpdatedAt, want.EmailVerifiedAt = "new", want.Epoch+1, start, start
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func resetInstead(t *testing.T, s Store) {
	claimer := unverified(t, s, "anna")
	old := withSession(t, s, claimer, "old")
	r := aReset(resetChallenge(t, s, claimer), claimer)
	owner := authcore.Account{ID: uuid.New(), Email: claimer.Email, EmailVerifiedAt: start, PasswordHash: "new", CreatedAt: start, UpdatedAt: start}
	r.Create, r.Identifiers, r.Unique = &owner, []authcore.Identifier{email(owner.Email)}, signIn
	if _, _, err := s.ResetPassword(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if found, err := s.AccountByIdentifier(t.Context(), email(owner.Email)); err != nil || found.ID != owner.ID {
		t.Errorf("the address finds %v (%v)", found.ID, err)
	}
	if left, err := s.AccountByIdentifier(t.Context(), username("anna")); err != nil || left.Email != "" || left.PasswordHash != claimer.PasswordHash {
		t.Errorf("the claimer is %+v (%v)", left, err)
	}
	if _, _, err := s.SessionByRefresh(t.Context(), old.ID, old.RefreshDigest, start); err != nil {
		t.Errorf("the claimer's session: %v", err)
	}

	verified := withAccount(t, s, "berta") // since the caller has looked
	r = aReset(resetChallenge(t, s, verified), verified)
	stranger := owner
	stranger.ID, stranger.Email = uuid.New(), verified.Email
	r.Create, r.Identifiers, r.Unique = &stranger, []authcore.Identifier{email(verified.Email)}, signIn
	_, _, err := s.ResetPassword(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
}

func resetRefused(t *testing.T, s Store) {
	for _, verified := range []time.Time{{}, start} {
		a := anAccount("disabled" + uuid.NewString())
		a.DisabledAt, a.EmailVerifiedAt = start, verified
		must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
		ch := resetChallenge(t, s, a)
		r := aReset(ch, a)
		r.Effects = mails(1)
		_, _, err := s.ResetPassword(t.Context(), r)
		wants(t, err, authcore.ErrNotFound)
		got, err := s.AccountByID(t.Context(), a.ID)
		must(t, err)
		if diff := cmp.Diff(a, got, unnumbered); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 0 {
		t.Errorf("%d mails of refused resets (%v)", n, err)
	}
}

func resetRace(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	ch := resetChallenge(t, s, a)
	counts := countErrors(t, atOnce(100, func(int) error {
		_, _, err := s.ResetPassword(t.Context(), aReset(ch, a))
		return err
	}))
	if counts[nil] != 1 || counts[authcore.ErrNotFound] != 99 {
		t.Errorf("%v, want one winner", counts)
	}
	if got, err := s.AccountByID(t.Context(), a.ID); err != nil || got.Epoch != a.Epoch+1 {
		t.Errorf("epoch %d (%v), want one more than %d", got.Epoch, err, a.Epoch)
	}
}

// Signing in with the old password races with the reset. Whoever comes first, no access token of the old epoch may
// outlive the revocation.
func resetCovers(t *testing.T, s Store) {
	for range 10 {
		a := anAccount(uuid.NewString())
		must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
		ch := resetChallenge(t, s, a)
		late := aSession(a, "late")
		late.AccessUntil = start.Add(time.Hour)
		var rev authcore.Revocation
		errs := atOnce(2, func(i int) (err error) {
			if i == 0 {
				return openPlain(t.Context(), s, late, authcore.Effects{})
			}
			_, rev, err = s.ResetPassword(t.Context(), aReset(ch, a))
			return err
		})
		must(t, errs[1])
		if errs[0] == nil {
			if !rev.Until.Equal(late.AccessUntil) {
				t.Fatalf("revoked until %v, but tokens last until %v", rev.Until, late.AccessUntil)
			}
		} else {
			wants(t, errs[0], authcore.ErrNotFound)
		}
		_, _, err := s.SessionByRefresh(t.Context(), late.ID, late.RefreshDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
}

func resetSentTo(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	for i, c := range []struct {
		to   string
		good bool
	}{{"former@example.com", false}, {"+4999999", false}, {a.Email, true}, {a.Phone, true}, {"", true}} {
		ch := aChallenge(authcore.PurposeResetPassword, "account:"+a.ID.String(), "reset")
		ch.AccountID, ch.SentTo = a.ID, c.to
		issued(t, s, ch)
		if got, err := s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start); err != nil || got.SentTo != c.to {
			t.Errorf("%d: went to %q (%v)", i, got.SentTo, err)
		}
		r := aReset(ch, a)
		r.Effects = mails(1)
		_, _, err := s.ResetPassword(t.Context(), r)
		if c.good {
			must(t, err)
		} else {
			wants(t, err, authcore.ErrNotFound)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 3 {
		t.Errorf("%d mails (%v), want 3", n, err)
	}
	claimer := unverified(t, s, "ben")
	ch := aChallenge(authcore.PurposeResetPassword, "account:"+claimer.ID.String(), "reset")
	ch.AccountID, ch.SentTo = claimer.ID, "former@example.com"
	r, own := aReset(issued(t, s, ch), claimer), anAccount("own")
	own.Email = claimer.Email
	r.Create, r.Unique, r.Identifiers = &own, signIn, []authcore.Identifier{email(own.Email)}
	_, _, err := s.ResetPassword(t.Context(), r)
	wants(t, err, authcore.ErrNotFound)
}

func resetByNumber(t *testing.T, s Store) {
	a := unverified(t, s, "anna")
	must(t, s.SaveRegistration(t.Context(), aRegistration(a.Email, "theirs", 0), 10, nil, authcore.Effects{}))
	r := aReset(resetChallenge(t, s, a), a)
	r.Channel = authcore.BySMS
	got, _, err := s.ResetPassword(t.Context(), r)
	must(t, err)
	if got.EmailVerified() {
		t.Error("a code that went to a number verifies the address")
	}
	if list, err := s.Registrations(t.Context(), a.Email, start); err != nil || len(list) != 1 {
		t.Errorf("%d registrations (%v), want the other's", len(list), err)
	}
}
