package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var standing = []promise{
	{"roles are given and taken, each once, and access tokens with the old ones are refused", rolesChange},
	{"roles that are so already change nothing", rolesSame},
	{"an account has a bounded number of roles", rolesBounded},
	{"disabling ends every session, code and link; enabling brings none back", disabledEnds},
	{"disabling what is disabled changes nothing", disabledTwice},
	{"an account that is about to be deleted is not enabled", enableLeaving},
	{"an unknown account has no standing", standingUnknown},
	{"the last administrator stays", lastAdmin},
	{"100 administrators take each other away: one stays", lastAdminRace},
	{"100 disable one account: one event", disableRace},
}

func aRoleChange(a authcore.Account, add, remove string) authcore.RolesChange {
	c := authcore.RolesChange{AccountID: a.ID, Now: start.Add(time.Second), Effects: mails(1)}
	if add != "" {
		c.Add = []string{add}
	}
	if remove != "" {
		c.Remove = []string{remove}
	}
	return c
}

func aDisabling(a authcore.Account, disable bool) authcore.Disabling {
	return authcore.Disabling{AccountID: a.ID, Disable: disable, Now: start.Add(time.Second), Effects: mails(1)}
}

func outboxHas(t testing.TB, s Store, want int) {
	t.Helper()
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != want {
		t.Errorf("%d mails (%v), want %d", n, err, want)
	}
}

func rolesChange(t *testing.T, s Store) {
	withAccount(t, s, "other") // an administrator too
	want, sess := signedIn(t, s)
	c := aRoleChange(want, "editor", "admin")
	got, err := s.ChangeRoles(t.Context(), c)
	must(t, err)
	want.Roles, want.RolesVersion, want.UpdatedAt = []string{"ops:eu", "editor"}, want.RolesVersion+1, c.Now
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if stored, err := s.AccountByID(t.Context(), want.ID); err != nil || !slices.Equal(stored.Roles, want.Roles) {
		t.Errorf("stored: %v (%v)", stored.Roles, err)
	}
	list, err := s.LiveRevocations(t.Context(), 0, start)
	must(t, err)
	if len(list) != 1 || list[0].AccountID != want.ID || list[0].Epoch != 0 || list[0].RolesVersion != want.RolesVersion ||
		list[0].Until.Before(sess.AccessUntil) {
		t.Errorf("revocations %+v, want one of the roles until %v", list, sess.AccessUntil)
	}
	// The session lives.
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	must(t, err)
	outboxHas(t, s, 1)
}

func rolesSame(t *testing.T, s Store) {
	want := withAccount(t, s, "anna")
	got, err := s.ChangeRoles(t.Context(), aRoleChange(want, "admin", "editor"))
	must(t, err)
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if list, err := s.LiveRevocations(t.Context(), 0, start); err != nil || len(list) != 0 {
		t.Errorf("revocations %+v (%v), want none", list, err)
	}
	outboxHas(t, s, 0)
}

func rolesBounded(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	c := aRoleChange(a, "", "")
	for i := range authcore.MaxRoles {
		c.Add = append(c.Add, "role-"+string(rune('a'+i%26))+string(rune('a'+i/26)))
	}
	_, err := s.ChangeRoles(t.Context(), c)
	wants(t, err, authcore.ErrTooManyRoles)
	c.Remove = a.Roles
	withAccount(t, s, "other")
	_, err = s.ChangeRoles(t.Context(), c)
	must(t, err)
}

func disabledEnds(t *testing.T, s Store) {
	withAccount(t, s, "other")
	want, sess := signedIn(t, s)
	reset := resetChallenge(t, s, want)
	verify := issued(t, s, aChallenge(authcore.PurposeVerifyEmail, want.Email, "1"))
	d := aDisabling(want, true)
	got, err := s.ChangeDisabled(t.Context(), d)
	must(t, err)
	want.DisabledAt, want.UpdatedAt, want.Epoch = d.Now, d.Now, want.Epoch+1
	if diff := cmp.Diff(want, got, unnumbered); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	list, err := s.LiveRevocations(t.Context(), 0, start)
	must(t, err)
	if len(list) != 1 || list[0].AccountID != want.ID || list[0].Epoch != want.Epoch || list[0].Until.Before(sess.AccessUntil) {
		t.Errorf("revocations %+v, want the account's until %v", list, sess.AccessUntil)
	}
	outboxHas(t, s, 1)
	_, err = s.ChangeDisabled(t.Context(), aDisabling(want, false))
	must(t, err)
	outboxHas(t, s, 2)
	if again, err := s.AccountByID(t.Context(), want.ID); err != nil || again.Disabled() || again.Epoch != want.Epoch {
		t.Errorf("enabled: %+v (%v)", again, err)
	}
	_, _, err = s.SessionByRefresh(t.Context(), sess.ID, sess.RefreshDigest, start)
	wants(t, err, authcore.ErrNotFound)
	for _, ch := range []authcore.Challenge{reset, verify} {
		_, err = s.ProveToken(t.Context(), ch.Purpose, ch.TokenDigest, start)
		wants(t, err, authcore.ErrNotFound)
	}
}

func disabledTwice(t *testing.T, s Store) {
	withAccount(t, s, "other")
	a := withAccount(t, s, "anna")
	first, err := s.ChangeDisabled(t.Context(), aDisabling(a, true))
	must(t, err)
	later := aDisabling(a, true)
	later.Now = later.Now.Add(time.Hour)
	second, err := s.ChangeDisabled(t.Context(), later)
	must(t, err)
	if diff := cmp.Diff(first, second, unnumbered); diff != "" {
		t.Errorf("(-first +second):\n%s", diff)
	}
	outboxHas(t, s, 1)
}

func enableLeaving(t *testing.T, s Store) {
	a := anAccount("anna")
	a.DisabledAt, a.DeletesAt = start, start.Add(time.Hour)
	must(t, s.CreateAccount(t.Context(), a, idsOf(a), authcore.Effects{}))
	_, err := s.ChangeDisabled(t.Context(), aDisabling(a, false))
	wants(t, err, authcore.ErrLeaving)
	outboxHas(t, s, 0)
}

func standingUnknown(t *testing.T, s Store) {
	_, err := s.ChangeRoles(t.Context(), aRoleChange(anAccount("nobody"), "editor", ""))
	wants(t, err, authcore.ErrNotFound)
	_, err = s.ChangeDisabled(t.Context(), aDisabling(anAccount("nobody"), true))
	wants(t, err, authcore.ErrNotFound)
	outboxHas(t, s, 0)
}

func lastAdmin(t *testing.T, s Store) {
	a := withAccount(t, s, "anna")
	disabled := anAccount("disabled")
	disabled.DisabledAt = start
	must(t, s.CreateAccount(t.Context(), disabled, idsOf(disabled), authcore.Effects{}))
	plain := anAccount("plain")
	plain.Roles = []string{"administrator"}
	must(t, s.CreateAccount(t.Context(), plain, idsOf(plain), authcore.Effects{}))
	_, err := s.ChangeDisabled(t.Context(), aDisabling(a, true))
	wants(t, err, authcore.ErrLastAdmin)
	_, err = s.ChangeRoles(t.Context(), aRoleChange(a, "", "admin"))
	wants(t, err, authcore.ErrLastAdmin)
	outboxHas(t, s, 0)
	// Whoever is none may go, and a disabled one counts for nothing.
	_, err = s.ChangeDisabled(t.Context(), aDisabling(plain, true))
	must(t, err)
	_, err = s.ChangeRoles(t.Context(), aRoleChange(disabled, "", "admin"))
	must(t, err)
	// Another role of the last one may be taken.
	_, err = s.ChangeRoles(t.Context(), aRoleChange(a, "", "ops:eu"))
	must(t, err)
}

func lastAdminRace(t *testing.T, s Store) {
	var all []authcore.Account
	for i := range 100 {
		all = append(all, withAccount(t, s, "admin"+string(rune('a'+i%26))+string(rune('a'+i/26))))
	}
	stay := 0
	for _, err := range atOnce(len(all), func(i int) error {
		if i%2 == 0 {
			_, err := s.ChangeDisabled(t.Context(), aDisabling(all[i], true))
			return err
		}
		_, err := s.ChangeRoles(t.Context(), aRoleChange(all[i], "", "admin"))
		return err
	}) {
		if err != nil {
			wants(t, err, authcore.ErrLastAdmin)
			stay++
		}
	}
	if stay != 1 {
		t.Errorf("%d administrators stay, want 1", stay)
	}
}

func disableRace(t *testing.T, s Store) {
	withAccount(t, s, "other")
	a := withAccount(t, s, "anna")
	for _, err := range atOnce(100, func(int) error {
		_, err := s.ChangeDisabled(t.Context(), aDisabling(a, true))
		return err
	}) {
		must(t, err)
	}
	outboxHas(t, s, 1)
}
