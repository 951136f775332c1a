package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/notice"
	"github.com/gatehouse-auth/gatehouse/authcore/account/secure"
)

var securityLinks = []promise{
	{"the open links of changes of address and number, the earliest event first", openContactLinks},
	{"what a link takes back is sealed anew, unless it has changed", resealLinks},
	{"the use of a link ends what there is of the account, and gives back what it was", useLink},
	{"what goes wrong on the way leaves everything as it was", useLinkWhole},
	{"of 100 who use two links at once, one wins with the earlier", useLinkRace},
	{"links are swept an hour after they have expired", sweepLinks},
}

// aSecurityLink is of a change of address some time after the start.
func aSecurityLink(account uuid.UUID, name string, after time.Duration) authcore.SecurityLink {
	return authcore.SecurityLink{ID: uuid.Must(uuid.NewV7()), AccountID: account, TokenDigest: sum("link " + name), Kind: authcore.MailPasswordReset,
		Contact: true, At: start.Add(after), Undo: []byte("sealed " + name), ExpiresAt: start.Add(after + 7*24*time.Hour)}
}

func openContactLinks(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	late, early := aSecurityLink(ada.ID, "late", time.Hour), aSecurityLink(ada.ID, "early", time.Minute)
	used, other, ended := aSecurityLink(ada.ID, "used", 0), aSecurityLink(ada.ID, "other", 0), aSecurityLink(ada.ID, "ended", 0)
	used.UsedAt, other.Contact, ended.ExpiresAt = start, false, start.Add(time.Hour)
	links := []authcore.SecurityLink{late, early, used, other, ended, aSecurityLink(bob.ID, "bob", 0)}
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: links}))
	got, err := s.OpenContactLinks(t.Context(), ada.ID, start.Add(time.Hour))
	if diff := cmp.Diff([]authcore.SecurityLink{early, late}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func resealLinks(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	first, second, third := aSecurityLink(ada.ID, "1", 0), aSecurityLink(ada.ID, "2", 0), aSecurityLink(ada.ID, "3", 0)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{first, second, third}}))
	must(t, s.ResealLink(t.Context(), first.ID, first.Undo, []byte("anew")))
	must(t, s.ResealLink(t.Context(), second.ID, []byte("other"), []byte("anew")))
	must(t, s.DropLink(t.Context(), third.ID))
	page, err := s.SealedLinks(t.Context(), uuid.Nil, 1)
	if err != nil || len(page) != 1 || string(page[0].Undo) != "anew" {
		t.Fatalf("%+v (%v)", page, err)
	}
	rest, err := s.SealedLinks(t.Context(), page[0].ID, 10)
	if diff := cmp.Diff([]authcore.SecurityLink{second}, rest); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func sweepLinks(t *testing.T, s Store) {
	l := aSecurityLink(withAccount(t, s, "ada").ID, "1", 0)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{l}}))
	for _, step := range []struct {
		after time.Duration
		stay  int
	}{{spare - time.Microsecond, 1}, {spare, 0}} {
		must(t, s.Sweep(t.Context(), l.ExpiresAt.Add(step.after)))
		if links, err := s.SealedLinks(t.Context(), uuid.Nil, 10); err != nil || len(links) != step.stay {
			t.Errorf("%s after its end: %d links (%v), want %d", step.after, len(links), err, step.stay)
		}
	}
}

// useOf uses a link and takes back what the test says.
func useOf(l authcore.SecurityLink, undo notice.Undo, now time.Time) secure.Use {
	return secure.Use{Token: l.TokenDigest, Now: now, Identities: []authcore.IdentifierKind{authcore.KindEmail, authcore.KindUsername},
		Recall: func(authcore.SecurityLink, []authcore.SecurityLink) (notice.Undo, error) { return undo, nil },
		Prepare: func(_, after authcore.Account) (*authcore.Challenge, authcore.Effects, error) {
			ch := aChallenge(authcore.PurposeResetPassword, "secured "+l.ID.String(), l.ID.String())
			ch.AccountID = after.ID
			event := anEvent(authcore.EventAccountSecured, now)
			event.AccountID = after.ID
			return &ch, authcore.Effects{Events: []authcore.Event{event}, Mails: []authcore.Mail{aMail()}}, nil
		}}
}

// useLink: one change that ends what there is of the account, and gives back what it was.
func useLink(t *testing.T, s Store) {
	ctx := t.Context()
	a, sess := signedIn(t, s)
	name := "thief"
	_, err := s.UpdateProfile(ctx, a.ID, authcore.ProfileChange{Username: &name}, true, start, authcore.Effects{})
	must(t, err)
	ch := aChallenge(authcore.PurposeResetPassword, subject, "1")
	ch.AccountID = a.ID
	issued(t, s, ch)
	before, used, after := aSecurityLink(a.ID, "before", 0), aSecurityLink(a.ID, "used", time.Minute), aSecurityLink(a.ID, "after", time.Hour)
	must(t, s.Record(ctx, authcore.Effects{SecurityLinks: []authcore.SecurityLink{after, before, used}}))

	u := useOf(used, notice.Undo{Username: notice.FormerUsername(a)}, start.Add(2*time.Hour))
	recall := u.Recall
	u.Recall = func(l authcore.SecurityLink, since []authcore.SecurityLink) (notice.Undo, error) {
		if l.ID != used.ID || len(since) != 2 || since[0].ID != used.ID || since[1].ID != after.ID {
			t.Errorf("used is %s, since then %v", l.ID, since)
		}
		return recall(l, since)
	}
	must(t, s.UseSecurityLink(ctx, u))

	got, err := s.AccountByIdentifier(ctx, username(a.Username))
	if err != nil || got.Username != a.Username || got.PasswordHash != "" || got.Epoch != a.Epoch+1 {
		t.Errorf("the account is %+v (%v)", got, err)
	}
	_, err = s.AccountByIdentifier(ctx, username(name))
	wants(t, err, authcore.ErrNotFound)
	_, _, err = s.SessionByRefresh(ctx, sess.ID, sess.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	if list, err := s.LiveRevocations(ctx, 0, start); err != nil || len(list) != 1 || list[0].Epoch != got.Epoch {
		t.Errorf("revocations %+v (%v)", list, err)
	}
	_, err = s.ProveToken(ctx, ch.Purpose, ch.TokenDigest, start)
	wants(t, err, authcore.ErrNotFound)
	for _, dead := range []authcore.SecurityLink{used, after} {
		wants(t, s.UseSecurityLink(ctx, useOf(dead, notice.Undo{}, start.Add(2*time.Hour))), authcore.ErrNotFound)
	}
	must(t, s.UseSecurityLink(ctx, useOf(before, notice.Undo{}, start.Add(2*time.Hour))))
}

// useLinkWhole: what goes wrong on the way leaves everything as it was.
func useLinkWhole(t *testing.T, s Store) {
	a, sess := signedIn(t, s)
	l := aSecurityLink(a.ID, "1", 0)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{l}}))
	u, failure := useOf(l, notice.Undo{Username: &notice.Former{}}, start), errors.New("no")
	u.Prepare = func(authcore.Account, authcore.Account) (*authcore.Challenge, authcore.Effects, error) {
		return nil, authcore.Effects{}, failure
	}
	wants(t, s.UseSecurityLink(t.Context(), u), failure)
	_, _, err := s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	must(t, err)
	got, err := s.AccountByID(t.Context(), a.ID)
	if diff := cmp.Diff(a, got, unnumbered); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	wants(t, s.UseSecurityLink(t.Context(), useOf(l, notice.Undo{}, l.ExpiresAt)), authcore.ErrNotFound)
	must(t, s.UseSecurityLink(t.Context(), useOf(l, notice.Undo{}, l.ExpiresAt.Add(-time.Microsecond))))
}

// useLinkRace: of 100 who use two links of an account at once one wins with the earlier, and one with the later at most, before it.
func useLinkRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	early, late := aSecurityLink(a.ID, "early", 0), aSecurityLink(a.ID, "late", time.Hour)
	must(t, s.Record(t.Context(), authcore.Effects{SecurityLinks: []authcore.SecurityLink{early, late}}))
	links := []authcore.SecurityLink{early, late}
	errs := atOnce(100, func(i int) error {
		return s.UseSecurityLink(t.Context(), useOf(links[i%2], notice.Undo{}, start.Add(2*time.Hour)))
	})
	var won [2]int
	for i, err := range errs {
		if err == nil {
			won[i%2]++
		} else {
			wants(t, err, authcore.ErrNotFound)
		}
	}
	got, err := s.AccountByID(t.Context(), a.ID)
	if won[0] != 1 || won[1] > 1 || err != nil || got.Epoch != a.Epoch+int64(won[0]+won[1]) {
		t.Errorf("the earlier link won %d times, the later %d times; the epoch went from %d to %d (%v)", won[0], won[1], a.Epoch, got.Epoch, err)
	}
}
