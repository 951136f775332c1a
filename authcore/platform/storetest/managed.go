package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
)

// managed are the promises about accounts that administrators make and change.
var managed = []promise{
	{"an account is made with its kind, its number and its link, or not at all", createManaged},
	{"a change is decided by the account as it is, and all of it happens or nothing", changeManaged},
	{"a list tests whether accounts are locked, and pages of it go on", lockedAccounts},
	{"of administrators who disable each other at once one stays", lastAdministratorStays},
	{"whose session ended is told that they would have left nobody", lastAdministratorTold},
}

func createManaged(t *testing.T, s Store) {
	ada := anAccount("ada")
	made, err := s.CreateManaged(t.Context(), authcore.ManagedCreation{Account: ada, Kind: authcore.KindService, Identifiers: idsOf(ada)})
	if must(t, err); made.Number < 1 || made.Kind != authcore.KindService || made.ID != ada.ID {
		t.Errorf("made %+v", made)
	}
	twin := anAccount("ada")
	_, err = s.CreateManaged(t.Context(), authcore.ManagedCreation{Account: twin, Kind: authcore.KindPerson, Identifiers: idsOf(twin)})
	var taken *authcore.TakenError
	if !errors.As(err, &taken) {
		t.Errorf("a twin: %v", err)
	}
	if _, err := s.ManagedAccount(t.Context(), twin.ID); !errors.Is(err, authcore.ErrNotFound) {
		t.Errorf("the twin is there: %v", err)
	}
	numbered, err := s.NumberedAccount(t.Context(), made.Number)
	if must(t, err); numbered.ID != ada.ID {
		t.Errorf("number %d is %v", made.Number, numbered.ID)
	}
	page, err := s.ManagedAccounts(t.Context(), admin.UserQuery{UserFilter: admin.UserFilter{Kind: authcore.KindService}, Sort: admin.NewestFirst, Limit: 2, Now: start})
	if must(t, err); len(page.Accounts) != 1 {
		t.Errorf("services: %+v", page)
	}
}

func lockedAccounts(t *testing.T, s Store) {
	key := func(id uuid.UUID) string { return "key of " + id.String() }
	yes, no := true, false
	var locked []uuid.UUID
	for i, name := range []string{"ada", "bob", "cleo", "dora", "eve"} {
		a := withAccount(t, s, name)
		until := start.Add(time.Minute)
		if i == 4 {
			until = start // it is over
		}
		if i%2 == 0 {
			_, err := s.ChangeLockout(t.Context(), key(a.ID), authcore.Lockout{}, authcore.Lockout{Key: key(a.ID), Until: until, Level: 1, VoidAt: until})
			must(t, err)
		}
		if i == 0 || i == 2 {
			locked = append(locked, a.ID)
		}
	}
	q := admin.UserQuery{UserFilter: admin.UserFilter{Locked: &yes}, Sort: admin.ByAddress, Limit: 1, Now: start, LockKey: key}
	for _, want := range locked {
		page, err := s.ManagedAccounts(t.Context(), q)
		if must(t, err); len(page.Accounts) != 1 || page.Accounts[0].ID != want || page.Next.IsZero() != (want == locked[1]) {
			t.Fatalf("a page: %+v", page)
		}
		q.After = page.Next
	}
	if n, err := s.CountAccounts(t.Context(), q); err != nil || n != 2 {
		t.Errorf("%d are locked (%v)", n, err)
	}
	q.Locked = &no
	if n, err := s.CountAccounts(t.Context(), q); err != nil || n != 3 {
		t.Errorf("%d are not locked (%v)", n, err)
	}
}

func changeManaged(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	name, reason, yes := "Augusta", "on leave", true
	change := func(e authcore.ManagedEdit, refuse error) (authcore.ManagedAccount, error) {
		return s.ChangeManaged(t.Context(), authcore.ManagedChange{AccountID: ada.ID, Ends: true, ClaimUsername: true, Now: start.Add(time.Second),
			Decide: func(before authcore.ManagedAccount) (authcore.ManagedEdit, error) {
				if before.ID != ada.ID {
					t.Errorf("decided about %v", before.ID)
				}
				return e, refuse
			}})
	}
	taken := withAccount(t, s, "bob").Username
	all := authcore.ManagedEdit{Profile: &authcore.ProfileChange{FirstName: &name}, AddRoles: []string{"staff"}, Disable: &yes, Reason: &reason}
	if _, err := change(all, authcore.ErrTooManyRoles); !errors.Is(err, authcore.ErrTooManyRoles) {
		t.Errorf("a decision against it: %v", err)
	}
	spoilt := all
	spoilt.Profile = &authcore.ProfileChange{FirstName: &name, Username: &taken}
	if _, err := change(spoilt, nil); err == nil {
		t.Error("a username of another is given")
	}
	if now, err := s.ManagedAccount(t.Context(), ada.ID); err != nil || now.FirstName == name || now.Disabled() || len(now.Roles) != len(ada.Roles) {
		t.Errorf("half of it happened: %+v (%v)", now, err)
	}
	now, err := change(all, nil)
	if must(t, err); now.FirstName != name || !now.Disabled() || now.DisabledReason != reason || len(now.Roles) != len(ada.Roles)+1 || now.Version() == (authcore.ManagedAccount{Account: ada}).Version() {
		t.Errorf("changed to %+v", now)
	}
	_, err = s.ChangeManaged(t.Context(), authcore.ManagedChange{AccountID: uuid.New(), Now: start, Decide: func(authcore.ManagedAccount) (authcore.ManagedEdit, error) { return all, nil }})
	wants(t, err, authcore.ErrNotFound)
}

func disable(s Store, t *testing.T, account uuid.UUID, as *authcore.Holder) error {
	ctx, yes := t.Context(), true
	if as != nil {
		ctx = authcore.ActAs(ctx, *as)
	}
	_, err := s.ChangeManaged(ctx, authcore.ManagedChange{AccountID: account, Ends: true, Now: start,
		Decide: func(authcore.ManagedAccount) (authcore.ManagedEdit, error) {
			return authcore.ManagedEdit{Disable: &yes}, nil
		}})
	return err
}

func lastAdministratorStays(t *testing.T, s Store) {
	var chiefs []authcore.Account
	for _, name := range []string{"ada", "bob", "cleo", "dora"} {
		a := withAccount(t, s, name)
		_, err := s.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: a.ID, Add: []string{authcore.RoleAdmin}, Now: start})
		must(t, err)
		chiefs = append(chiefs, a)
	}
	for _, err := range atOnce(100, func(i int) error { return disable(s, t, chiefs[i%len(chiefs)].ID, nil) }) {
		if err != nil && !errors.Is(err, authcore.ErrLastAdmin) {
			t.Error(err)
		}
	}
	left := 0
	for _, a := range chiefs {
		if now, err := s.AccountByID(t.Context(), a.ID); err != nil || !now.Disabled() {
			left++
		}
	}
	if left != 1 {
		t.Errorf("%d administrators are left", left)
	}
}

func lastAdministratorTold(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	for _, a := range []authcore.Account{ada, bob} {
		_, err := s.ChangeRoles(t.Context(), authcore.RolesChange{AccountID: a.ID, Add: []string{authcore.RoleAdmin}, Now: start})
		must(t, err)
	}
	session := withSession(t, s, bob, "bob's")
	holder := &authcore.Holder{AccountID: bob.ID, SessionID: session.ID, Epoch: bob.Epoch}
	must(t, disable(s, t, bob.ID, nil)) // by ada
	wants(t, disable(s, t, ada.ID, holder), authcore.ErrLastAdmin)
	wants(t, disable(s, t, bob.ID, holder), authcore.ErrSessionEnded)
}
