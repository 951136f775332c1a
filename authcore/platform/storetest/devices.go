package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var devices = []promise{
	{"devices are listed, the latest first, each with its sessions", deviceList},
	{"a device is named, and another account's is not", deviceRename},
	{"S06 another account's devices are neither listed nor forgotten", deviceForeign},
	{"a forgotten device ends its sessions with their child sessions, and no other", deviceForget},
	{"all devices but the own, and all", deviceForgetMany},
	{"a device that is forgotten while its session is refreshed 100 times at once: the session has ended", deviceForgetRefreshRace},
	{"a device that is forgotten while others sign in from it: no session lives on a device that is not known", deviceForgetSignInRace},
	{"100 forget one device: one does", deviceForgetRace},
	{"one device more than may be: the one without a session that was seen longest ago goes", deviceMax},
}

// onDevice opens a session on a device, some time after the start.
func onDevice(t testing.TB, s Store, a authcore.Account, refresh, device string, after time.Duration) authcore.Session {
	t.Helper()
	o := anOpening(a, refresh, device)
	o.Device.Name = device
	o.Session.CreatedAt, o.Session.LastSeenAt = start.Add(after), start.Add(after)
	sess, err := s.OpenSession(t.Context(), o)
	must(t, err)
	return sess
}

func aForgetting(sess authcore.Session, ids ...uuid.UUID) authcore.Forgetting {
	return authcore.Forgetting{AccountID: sess.AccountID, SessionID: sess.ID, IDs: ids, Now: start, Event: anEvent(authcore.EventDeviceForgotten, start)}
}

func forgets(t testing.TB, s Store, f authcore.Forgetting, devices, sessions int) {
	t.Helper()
	gone, err := s.ForgetDevices(t.Context(), f)
	if err != nil || len(gone.Devices) != devices || len(gone.Ended) != sessions {
		t.Errorf("forgot %d devices and ended %d sessions (%v), want %d and %d", len(gone.Devices), len(gone.Ended), err, devices, sessions)
	}
}

func known(t testing.TB, s Store, sess authcore.Session) (names []string) {
	t.Helper()
	list, err := s.Devices(t.Context(), sess.AccountID, sess.ID, start)
	must(t, err)
	for _, d := range list {
		names = append(names, d.Name)
	}
	return names
}

func deviceList(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	desk := onDevice(t, s, a, "1", "desk", 0)
	onDevice(t, s, a, "2", "phone", time.Minute)
	onDevice(t, s, a, "3", "phone", 2*time.Minute)
	_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{onDevice(t, s, a, "4", "cafe", 3*time.Minute).ID}, false, start, authcore.Effects{})
	must(t, err)
	withChild(t, s, desk, "child")
	_, err = s.RotateRefresh(t.Context(), rotation(desk, "1", "1b", time.Hour))
	must(t, err)
	list, err := s.Devices(t.Context(), a.ID, desk.ID, start.Add(time.Hour))
	must(t, err)
	got := []string{}
	for _, d := range list {
		got = append(got, fmt.Sprintf("%s %d %v %s", d.Name, d.Sessions, d.Current, d.LastSeenAt.Sub(start)))
		if !d.TokenDigest.IsZero() || d.AccountID != a.ID || d.UserAgent != agent || d.Addr == "" || d.FirstSeenAt.IsZero() || !d.TrustedUntil.IsZero() {
			t.Errorf("got %+v", d)
		}
	}
	if want := []string{"desk 2 true 1h0m0s", "cafe 0 false 3m0s", "phone 2 false 2m0s"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func deviceRename(t *testing.T, s Store) {
	mine, foreign := onDevice(t, s, withAccount(t, s, "ada"), "1", "desk", 0), onDevice(t, s, withAccount(t, s, "bob"), "2", "desk", 0)
	d, err := s.RenameDevice(t.Context(), mine.AccountID, mine.ID, mine.DeviceID, "kitchen", start)
	if err != nil || d.ID != mine.DeviceID || d.Name != "kitchen" || d.Sessions != 1 || !d.Current {
		t.Errorf("got %+v (%v)", d, err)
	}
	for _, id := range []uuid.UUID{foreign.DeviceID, uuid.New(), uuid.Nil} {
		_, err := s.RenameDevice(t.Context(), mine.AccountID, mine.ID, id, "x", start)
		wants(t, err, authcore.ErrNotFound)
	}
	onDevice(t, s, authcore.Account{ID: mine.AccountID, Epoch: mine.AccountEpoch}, "3", "desk", 0) // a sign-in gives it no other name
	if got := append(known(t, s, mine), known(t, s, foreign)...); !slices.Equal(got, []string{"kitchen", "desk"}) {
		t.Errorf("the names are %q", got)
	}
}

// deviceForeign: both have signed in with one browser, which keeps one token.
func deviceForeign(t *testing.T, s Store) {
	mine, foreign := onDevice(t, s, withAccount(t, s, "ada"), "1", "desk", 0), onDevice(t, s, withAccount(t, s, "bob"), "2", "desk", 0)
	if mine.DeviceID == foreign.DeviceID {
		t.Fatal("two accounts know a browser by one id")
	}
	forgets(t, s, aForgetting(mine, foreign.DeviceID, uuid.New(), uuid.Nil), 0, 0)
	f := aForgetting(mine)
	f.SessionID, f.Others = foreign.ID, true // whose device is not of the account: none is spared for it
	forgets(t, s, f, 1, 1)
	f.Others, f.All = false, true
	forgets(t, s, f, 0, 0)
	if got := known(t, s, foreign); !slices.Equal(got, []string{"desk"}) {
		t.Errorf("the other account knows %q", got)
	}
	rotate(t, s, rotation(foreign, "2", "2b", 0), authcore.Rotated)
	f.AccountID = uuid.New()
	_, err := s.ForgetDevices(t.Context(), f)
	wants(t, err, authcore.ErrNotFound)
}

func deviceForget(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	desk, phone, none := onDevice(t, s, a, "1", "desk", 0), onDevice(t, s, a, "2", "phone", 0), withSession(t, s, a, "3")
	if child := withChild(t, s, desk, "child"); child.DeviceID != desk.DeviceID {
		t.Errorf("the child session is on %s, its parent on %s", child.DeviceID, desk.DeviceID)
	}
	former := aSession(a, "former") // as a node of the release before opens it: on no device
	former.ParentID, former.Origin = desk.ID, "https://former.example.com"
	must(t, openPlain(t.Context(), s, former, authcore.Effects{}))
	forgets(t, s, aForgetting(phone, desk.DeviceID), 1, 3)
	forgets(t, s, aForgetting(phone, desk.DeviceID), 0, 0)
	_, err := s.RotateRefresh(t.Context(), rotation(desk, "1", "1b", 0))
	wants(t, err, authcore.ErrNotFound)
	rotate(t, s, rotation(phone, "2", "2b", 0), authcore.Rotated)
	rotate(t, s, rotation(none, "3", "3b", 0), authcore.Rotated)
	revs, err := s.LiveRevocations(t.Context(), 0, start)
	if err != nil || len(revs) != 3 {
		t.Errorf("%d revocations (%v), want 3", len(revs), err)
	}
	if got := known(t, s, phone); !slices.Equal(got, []string{"phone"}) {
		t.Errorf("the account knows %q", got)
	}
	o, fresh := listening(anOpening(a, "4", "desk"))
	if sess := opened(t, s, o); !*fresh || sess.DeviceID == desk.DeviceID {
		t.Errorf("after it is forgotten: new %v, device %s, was %s", *fresh, sess.DeviceID, desk.DeviceID)
	}
}

func deviceForgetMany(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	desk, none := onDevice(t, s, a, "1", "desk", 0), withSession(t, s, a, "2")
	for i := range 3 {
		onDevice(t, s, a, fmt.Sprint("other", i), fmt.Sprint("phone", i), 0)
	}
	f := aForgetting(desk)
	f.Others = true
	forgets(t, s, f, 3, 3)
	rotate(t, s, rotation(desk, "1", "1b", 0), authcore.Rotated)
	f = aForgetting(none)
	f.Others = true // it is on no device: every one is another
	forgets(t, s, f, 1, 1)
	onDevice(t, s, a, "3", "desk", 0)
	f.Others, f.All = false, true
	forgets(t, s, f, 1, 1)
	rotate(t, s, rotation(none, "2", "2b", 0), authcore.Rotated)
}

func deviceForgetRefreshRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	sess := onDevice(t, s, a, "0", "desk", 0)
	errs := atOnce(101, func(i int) error {
		if i == 50 {
			gone, err := s.ForgetDevices(t.Context(), aForgetting(sess, sess.DeviceID))
			if err == nil && (len(gone.Devices) != 1 || len(gone.Ended) != 1) {
				err = fmt.Errorf("forgot %+v", gone)
			}
			return err
		}
		_, err := s.RotateRefresh(t.Context(), rotation(sess, "0", fmt.Sprint("next", i), 0))
		return err
	})
	must(t, errs[50])
	for _, err := range errs {
		if err != nil && !errors.Is(err, authcore.ErrNotFound) {
			t.Errorf("a refresh: %v", err)
		}
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 0 {
		t.Errorf("%d sessions live (%v)", len(list), err)
	}
	for i := range 101 {
		if _, err := s.RotateRefresh(t.Context(), rotation(sess, fmt.Sprint("next", i), "later", 0)); !errors.Is(err, authcore.ErrNotFound) {
			t.Errorf("the session goes on: %v", err)
		}
	}
	revs, err := s.LiveRevocations(t.Context(), 0, start)
	if err != nil || len(revs) != 1 || revs[0].Until.Before(start.Add(5*time.Minute)) {
		t.Errorf("revocations %+v (%v), want one until the last access token has expired", revs, err)
	}
}

// deviceForgetSignInRace: half of them leave nothing behind, and touch no row of the device.
func deviceForgetSignInRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	for round := range 10 {
		first := onDevice(t, s, a, fmt.Sprint("first", round), "desk", 0)
		errs := atOnce(10, func(i int) error {
			if i == 5 {
				_, err := s.ForgetDevices(t.Context(), aForgetting(first, first.DeviceID))
				return err
			}
			o := anOpening(a, fmt.Sprint(round, i), "desk")
			o.Keep = i%2 == 0
			_, err := s.OpenSession(t.Context(), o)
			return err
		})
		for _, err := range errs {
			must(t, err)
		}
		live, err := s.Sessions(t.Context(), a.ID, start)
		must(t, err)
		list, err := s.Devices(t.Context(), a.ID, first.ID, start)
		must(t, err)
		if len(list) > 1 {
			t.Errorf("%d devices are known, want 1 at most", len(list))
		}
		for _, sess := range live {
			if sess.DeviceID != uuid.Nil && !slices.ContainsFunc(list, func(d authcore.Device) bool { return d.ID == sess.DeviceID }) {
				t.Errorf("round %d: a session lives on a device that is forgotten", round)
			}
		}
	}
}

func deviceForgetRace(t *testing.T, s Store) {
	sess := onDevice(t, s, withAccount(t, s, "ada"), "0", "desk", 0)
	won := 0
	for _, n := range atOnce(100, func(int) int {
		gone, err := s.ForgetDevices(t.Context(), aForgetting(sess, sess.DeviceID))
		if err != nil || len(gone.Devices) != len(gone.Ended) {
			t.Errorf("forgot %+v (%v)", gone, err)
		}
		return len(gone.Devices)
	}) {
		won += n
	}
	if won != 1 {
		t.Errorf("%d have forgotten it, want 1", won)
	}
}

func deviceMax(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	open := func(name string, seen time.Duration) authcore.Session {
		o := anOpening(a, name, name)
		o.Device.Name, o.MaxDevices, o.Forgotten = name, 3, anEvent(authcore.EventDeviceForgotten, start)
		o.Session.CreatedAt = start.Add(seen)
		sess, err := s.OpenSession(t.Context(), o)
		must(t, err)
		return sess
	}
	end := func(sessions ...authcore.Session) {
		for _, sess := range sessions {
			_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{sess.ID}, false, start, authcore.Effects{})
			must(t, err)
		}
	}
	oldest, second, third := open("oldest", 0), open("second", 2*time.Minute), open("third", time.Minute)
	end(second, third)
	check := func(sess authcore.Session, want ...string) {
		t.Helper()
		got := known(t, s, sess)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("the account knows %q, want %q", got, want)
		}
	}
	check(open("fourth", 3*time.Minute), "fourth", "oldest", "second")
	rotate(t, s, rotation(oldest, "oldest", "later", 0), authcore.Rotated) // it is not signed out for it
	check(open("fifth", 4*time.Minute), "fifth", "fourth", "oldest")
	check(open("sixth", 5*time.Minute), "fifth", "fourth", "oldest", "sixth") // nobody is signed out
	end(oldest)
	check(open("seventh", 6*time.Minute), "fifth", "fourth", "seventh", "sixth")
}
