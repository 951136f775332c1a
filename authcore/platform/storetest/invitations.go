package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/contact"
	"github.com/gatehouse-auth/gatehouse/authcore/account/invite"
)

var invitations = []promise{
	{"an invitation is found by its id and its token, and listed newest first", invitationFound},
	{"a revoked invitation is not open, and stays in lists", invitationRevoked},
	{"invitations are listed by what has become of them", invitationsByStatus},
	{"a renewed invitation has another token and end", invitationRenewed},
	{"an account invites no more than it may, also 100 at once", invitationPending},
	{"100 register with one invitation: one account", invitationRace},
	{"100 open accounts at once with one invitation: one account", invitationOpenRace},
	{"an invitation is good for its own address alone", invitationBound},
	{"a number that its former owner has given up is the invited's", invitationGivenUpNumber},
	{"of revoking and using an invitation one wins", invitationRevokedRace},
}

// anInvitation is bound to nobody; it has every field that an open one may have.
func anInvitation(inviter uuid.UUID, token string) authcore.Invitation {
	return authcore.Invitation{ID: uuid.Must(uuid.NewV7()), InviterID: inviter, Roles: []string{"ops:eu", "staff"}, TokenDigest: sum(token),
		CreatedAt: start, ExpiresAt: start.Add(7 * 24 * time.Hour)}
}

func invites(t testing.TB, s Store, inviter uuid.UUID, token string) authcore.Invitation {
	t.Helper()
	i := anInvitation(inviter, token)
	must(t, s.CreateInvitation(t.Context(), i, 0, mails(1)))
	return i
}

// registersInvited makes an account as a bound invitation does.
func registersInvited(ctx context.Context, s Store, a authcore.Account, invitation uuid.UUID) error {
	_, err := s.CreateInvited(ctx, authcore.SignUp{Verified: email(a.Email), Unique: signIn, Account: a, Create: true, Identifiers: idsOf(a),
		Invited: authcore.Invited{ID: invitation}, Opening: authcore.SessionOpening{Effects: mails(1)}, Now: start})
	return err
}

func invitationFound(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	bound := anInvitation(uuid.Nil, "bound")
	bound.Number, bound.Address, bound.Channel = 7, "bob@example.com", authcore.ByEmail
	must(t, s.CreateInvitation(t.Context(), bound, 0, mails(1)))
	if got, err := s.InvitationFor(t.Context(), authcore.ByEmail, bound.Address, start); err != nil || got.ID != bound.ID {
		t.Errorf("the address finds %v (%v)", got.ID, err)
	}
	_, err := s.InvitationFor(t.Context(), authcore.BySMS, bound.Address, start)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.InvitationFor(t.Context(), authcore.ByEmail, bound.Address, bound.ExpiresAt)
	wants(t, err, authcore.ErrNotFound)
	first, second := invites(t, s, ada.ID, "first"), invites(t, s, ada.ID, "second")
	for _, want := range []authcore.Invitation{bound, first} {
		got, err := s.InvitationByID(t.Context(), want.ID)
		must(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got, err = s.InvitationByToken(t.Context(), want.TokenDigest); err != nil || got.ID != want.ID {
			t.Errorf("the token finds %v (%v)", got.ID, err)
		}
	}
	_, err = s.InvitationByID(t.Context(), uuid.New())
	wants(t, err, authcore.ErrNotFound)
	_, err = s.InvitationByToken(t.Context(), sum("another"))
	wants(t, err, authcore.ErrNotFound)
	for _, c := range []struct {
		of, before uuid.UUID
		limit      int
		want       []uuid.UUID
	}{
		{uuid.Nil, uuid.Max, 10, []uuid.UUID{second.ID, first.ID, bound.ID}},
		{uuid.Nil, second.ID, 1, []uuid.UUID{first.ID}},
		{ada.ID, uuid.Max, 10, []uuid.UUID{second.ID, first.ID}},
		{ada.ID, first.ID, 10, nil},
	} {
		list, _, err := s.Invitations(t.Context(), invite.Query{Inviter: c.of, Before: c.before, Limit: c.limit})
		must(t, err)
		var ids []uuid.UUID
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		if !slices.Equal(ids, c.want) {
			t.Errorf("of %v before %v: %v, want %v", c.of, c.before, ids, c.want)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 3 {
		t.Errorf("%d mails (%v), want 3", n, err)
	}
}

func invitationRevoked(t *testing.T, s Store) {
	i := invites(t, s, withAccount(t, s, "ada").ID, "1")
	at := start.Add(time.Minute)
	must(t, s.RevokeInvitation(t.Context(), i.ID, at, authcore.Effects{}))
	got, err := s.InvitationByID(t.Context(), i.ID)
	if err != nil || !got.RevokedAt.Equal(at) || got.Status(at) != authcore.InvitationRevoked {
		t.Errorf("%+v (%v)", got, err)
	}
	wants(t, s.RevokeInvitation(t.Context(), i.ID, at, mails(1)), authcore.ErrNotFound)
	wants(t, s.RenewInvitation(t.Context(), i.ID, sum("2"), start.Add(time.Hour), at, mails(1)), authcore.ErrNotFound)
	wants(t, registersInvited(t.Context(), s, anAccount("bob"), i.ID), authcore.ErrInvitation)
	expired := invites(t, s, i.InviterID, "3")
	wants(t, s.RevokeInvitation(t.Context(), expired.ID, expired.ExpiresAt, mails(1)), authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want those of the invitations", n, err)
	}
}

func invitationsByStatus(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada").ID
	now := start.Add(8 * 24 * time.Hour)
	want := map[authcore.InvitationStatus][]uuid.UUID{}
	for n, status := range slices.Repeat(authcore.InvitationStatuses(), 2) {
		i := anInvitation(ada, fmt.Sprint(n))
		switch status {
		case authcore.InvitationPending:
			i.ExpiresAt = now.Add(time.Hour)
		case authcore.InvitationUsed:
			i.UsedAt, i.UsedBy, i.RevokedAt = start, ada, start
		case authcore.InvitationRevoked:
			i.RevokedAt = start
		}
		must(t, s.CreateInvitation(t.Context(), i, 0, authcore.Effects{}))
		want[status] = append([]uuid.UUID{i.ID}, want[status]...)
	}
	for _, status := range authcore.InvitationStatuses() {
		q := invite.Query{Status: status, Before: uuid.Max, Limit: 10, Now: now}
		for _, q.Inviter = range []uuid.UUID{uuid.Nil, ada} {
			list, next, err := s.Invitations(t.Context(), q)
			must(t, err)
			var ids []uuid.UUID
			for _, i := range list {
				if ids = append(ids, i.ID); i.Status(now) != status {
					t.Errorf("among the %s ones is one that is %s", status, i.Status(now))
				}
			}
			if !slices.Equal(ids, want[status]) || next != uuid.Nil {
				t.Errorf("%s of %v: %v, want %v; next %v", status, q.Inviter, ids, want[status], next)
			}
		}
		q.Before, q.Limit = want[status][0], 1
		if list, _, err := s.Invitations(t.Context(), q); err != nil || len(list) != 1 || list[0].ID != want[status][1] {
			t.Errorf("%s, second page: %v %v", status, list, err)
		}
	}
}

func invitationRenewed(t *testing.T, s Store) {
	i := invites(t, s, withAccount(t, s, "ada").ID, "1")
	until := start.Add(30 * 24 * time.Hour)
	must(t, s.RenewInvitation(t.Context(), i.ID, sum("2"), until, start.Add(time.Hour), mails(1)))
	_, err := s.InvitationByToken(t.Context(), sum("1"))
	wants(t, err, authcore.ErrNotFound)
	got, err := s.InvitationByToken(t.Context(), sum("2"))
	if err != nil || got.ID != i.ID || !got.ExpiresAt.Equal(until) {
		t.Errorf("%+v (%v)", got, err)
	}
}

func invitationPending(t *testing.T, s Store) {
	const may = 5
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	spent := invites(t, s, ada.ID, "revoked") // counts no more
	must(t, s.RevokeInvitation(t.Context(), spent.ID, start, authcore.Effects{}))
	invites(t, s, bob.ID, "another's")
	made := 0
	for _, err := range atOnce(100, func(i int) error {
		return s.CreateInvitation(t.Context(), anInvitation(ada.ID, fmt.Sprint(i)), may, authcore.Effects{})
	}) {
		if err == nil {
			made++
		} else if !errors.Is(err, authcore.ErrTooManyInvitations) {
			t.Fatal(err)
		}
	}
	if made != may {
		t.Errorf("%d invitations, want %d", made, may)
	}
}

// oneInvited wants exactly one of several callers to have made an account, and one account to stand in the store.
func oneInvited(t *testing.T, s Store, i authcore.Invitation, errs []error) {
	t.Helper()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, authcore.ErrInvitation) {
			t.Fatal(err)
		}
	}
	got, err := s.InvitationByID(t.Context(), i.ID)
	must(t, err)
	if made != 1 || got.Status(start) != authcore.InvitationUsed {
		t.Fatalf("%d accounts of one invitation, which is %s", made, got.Status(start))
	}
	a, err := s.AccountByID(t.Context(), got.UsedBy)
	if err != nil || a.InvitedBy != i.InviterID {
		t.Errorf("it was used by %+v (%v)", a, err)
	}
	for n := range len(errs) {
		other, err := s.AccountByIdentifier(t.Context(), username(fmt.Sprint("person", n)))
		if err == nil && other.ID != a.ID {
			t.Errorf("%s has an account without an invitation", other.Username)
		}
	}
}

func invitationRace(t *testing.T, s Store) {
	i := invites(t, s, withAccount(t, s, "ada").ID, "1")
	oneInvited(t, s, i, atOnce(100, func(n int) error { return registersInvited(t.Context(), s, anAccount(fmt.Sprint("person", n)), i.ID) }))
}

func invitationOpenRace(t *testing.T, s Store) {
	i := invites(t, s, withAccount(t, s, "ada").ID, "1")
	oneInvited(t, s, i, atOnce(100, func(n int) error {
		a := anAccount(fmt.Sprint("person", n))
		a.EmailVerifiedAt = time.Time{}
		return s.OpenAccount(t.Context(), authcore.Opening{Account: a, Identifiers: idsOf(a), Invited: authcore.Invited{ID: i.ID}})
	}))
}

func invitationBound(t *testing.T, s Store) {
	ada, bob, eve := withAccount(t, s, "ada"), anAccount("bob"), anAccount("eve")
	i := anInvitation(ada.ID, "1")
	i.Address, i.Channel = bob.Email, authcore.ByEmail
	must(t, s.CreateInvitation(t.Context(), i, 0, authcore.Effects{}))
	wants(t, registersInvited(t.Context(), s, eve, i.ID), authcore.ErrInvitation)
	unproven := bob
	unproven.EmailVerifiedAt = time.Time{}
	wants(t, registersInvited(t.Context(), s, unproven, i.ID), authcore.ErrInvitation)
	must(t, registersInvited(t.Context(), s, bob, i.ID))
}

func invitationRevokedRace(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	for n := range 10 {
		i := invites(t, s, ada.ID, fmt.Sprint(n))
		errs := atOnce(2, func(who int) error {
			if who == 0 {
				return s.RevokeInvitation(t.Context(), i.ID, start, authcore.Effects{})
			}
			return registersInvited(t.Context(), s, anAccount(fmt.Sprint("person", n)), i.ID)
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("revoked: %v; used: %v", errs[0], errs[1])
		}
	}
}

func invitationGivenUpNumber(t *testing.T, s Store) {
	former := anAccount("ada")
	former.PhoneVerifiedAt = start
	number := authcore.Identifier{Kind: authcore.KindPhone, Value: former.Phone}
	must(t, s.CreateAccount(t.Context(), former, append(idsOf(former), number), authcore.Effects{}))
	i := anInvitation(former.ID, "1")
	i.Address, i.Channel = former.Phone, authcore.BySMS
	must(t, s.CreateInvitation(t.Context(), i, 0, authcore.Effects{}))
	invited := anAccount("bob")
	invited.Email, invited.EmailVerifiedAt, invited.PhoneVerifiedAt = "", time.Time{}, start
	use := authcore.SignUp{Verified: number, Unique: signIn, Account: invited, Create: true, Identifiers: []authcore.Identifier{username("bob"), number},
		Invited: authcore.Invited{ID: i.ID}, Now: start}
	_, err := s.CreateInvited(t.Context(), use)
	wantsTaken(t, err, authcore.KindPhone)
	_, err = s.RemoveContact(t.Context(), contact.Removal{Channel: authcore.BySMS, Before: former, Now: start})
	must(t, err)
	_, err = s.CreateInvited(t.Context(), use)
	must(t, err)
	if got, err := s.AccountByIdentifier(t.Context(), number); err != nil || got.ID != invited.ID {
		t.Errorf("the number finds %v (%v)", got.ID, err)
	}
}
