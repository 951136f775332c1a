package storetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var openings = []promise{
	{"a device is known again by its token, and by each account on its own", openingDevice},
	{"a sign-in that is not to be remembered makes no device known", openingForgotten},
	{"the first sign-in of an account tells nobody", openingFirst},
	{"one session more ends the one used longest ago", openingMax},
	{"S12 100 sign-ins at once: as many sessions as may be", openingMaxRace},
	{"100 sign-ins at once from one device: it is known once", openingDeviceRace},
	{"a session is named", sessionRename},
}

// anOpening is a sign-in with the token of a device; "" for none.
func anOpening(a authcore.Account, refresh, device string) authcore.SessionOpening {
	o := authcore.SessionOpening{
		Session: aSession(a, refresh), Keep: device != "", Device: authcore.Device{ID: uuid.New(), Name: "desk"},
		Seen: anEvent(authcore.EventDeviceSeen, start), Ended: anEvent(authcore.EventSessionsRevoked, start),
	}
	if device != "" {
		o.Device.TokenDigest = sum(device)
	}
	o.Effects.Events = []authcore.Event{anEvent(authcore.EventSignedIn, start)}
	o.Effects.Events[0].AccountID, o.Effects.Events[0].SessionID = a.ID, o.Session.ID
	return o
}

// listening has an opening say whether the device was new.
func listening(o authcore.SessionOpening) (authcore.SessionOpening, *bool) {
	fresh := new(bool)
	o.NewDevice = func([]authcore.SecurityLink) (authcore.Effects, error) {
		*fresh = true
		return mails(1), nil
	}
	return o, fresh
}

func opened(t testing.TB, s Store, o authcore.SessionOpening) authcore.Session {
	t.Helper()
	sess, err := s.OpenSession(t.Context(), o)
	must(t, err)
	if stored, err := s.Sessions(t.Context(), sess.AccountID, start); err != nil || !slices.ContainsFunc(stored, func(l authcore.Session) bool {
		return l.ID == sess.ID && l.DeviceID == sess.DeviceID && l.ShortLived == sess.ShortLived
	}) {
		t.Fatalf("stored otherwise than returned (%v)", err)
	}
	return sess
}

func openingDevice(t *testing.T, s Store) {
	ada, bob := withAccount(t, s, "ada"), withAccount(t, s, "bob")
	opened(t, s, anOpening(ada, "0", "elsewhere")) // the first of all
	opened(t, s, anOpening(bob, "0", "elsewhere"))
	var ids []uuid.UUID
	for i, c := range []struct {
		who   authcore.Account
		fresh bool
	}{{ada, true}, {ada, false}, {bob, true}, {bob, false}, {ada, false}} {
		o, fresh := listening(anOpening(c.who, fmt.Sprint("phone", i), "phone"))
		ids = append(ids, opened(t, s, o).DeviceID)
		if *fresh != c.fresh {
			t.Errorf("sign-in %d: a new device is %v", i, *fresh)
		}
	}
	if ids[0] == uuid.Nil || ids[0] != ids[1] || ids[0] != ids[4] || ids[2] != ids[3] || ids[0] == ids[2] {
		t.Errorf("the devices are %v", ids)
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 2 {
		t.Errorf("%d mails (%v), want one for each account", n, err)
	}
}

func openingForgotten(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	known := opened(t, s, anOpening(a, "0", "phone"))
	forget := func(refresh, device string) (authcore.Session, bool) {
		o, fresh := listening(anOpening(a, refresh, device))
		o.Keep, o.Session.ShortLived = false, true
		return opened(t, s, o), *fresh
	}
	for i := range 2 {
		if sess, fresh := forget(fmt.Sprint("cafe", i), "cafe"); sess.DeviceID != uuid.Nil || !fresh {
			t.Errorf("sign-in %d: device %s, new %v", i, sess.DeviceID, fresh)
		}
	}
	if sess, fresh := forget("none", ""); sess.DeviceID != uuid.Nil || !fresh {
		t.Errorf("without a token: device %s, new %v", sess.DeviceID, fresh)
	}
	if sess, fresh := forget("own", "phone"); sess.DeviceID != known.DeviceID || fresh {
		t.Errorf("a device that is known: %s, want %s; new %v", sess.DeviceID, known.DeviceID, fresh)
	}
}

func openingFirst(t *testing.T, s Store) {
	for i, keep := range []bool{true, false} {
		a := withAccount(t, s, fmt.Sprint("person", i))
		o, fresh := listening(anOpening(a, "1", "phone"))
		o.Keep = keep
		opened(t, s, o)
		if *fresh {
			t.Error("the first sign-in tells of its device")
		}
		o, fresh = listening(anOpening(a, "2", ""))
		opened(t, s, o)
		if !*fresh {
			t.Error("the second sign-in does not tell of its device")
		}
	}
}

func openingMax(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	open := func(name string, seen time.Duration) authcore.Session {
		o := anOpening(a, name, "")
		o.Session.LastSeenAt, o.MaxSessions = start.Add(seen), 3
		return opened(t, s, o)
	}
	oldest, second, third := open("1", -time.Hour), open("2", -3*time.Hour), open("3", 0)
	_, err := s.RotateRefresh(t.Context(), rotation(second, "2", "2b", time.Second)) // used since
	must(t, err)
	child := aSession(a, "child")
	child.ParentID, child.Origin = oldest.ID, "https://app.example.com"
	must(t, openPlain(t.Context(), s, child, authcore.Effects{}))
	fourth := open("4", 0)
	left := map[uuid.UUID]bool{}
	list, err := s.Sessions(t.Context(), a.ID, start)
	must(t, err)
	for _, l := range list {
		left[l.ID] = true
	}
	if len(left) != 3 || !left[second.ID] || !left[third.ID] || !left[fourth.ID] {
		t.Errorf("%v are left; the one used longest ago is %s, its child %s", left, oldest.ID, child.ID)
	}
	revs, err := s.LiveRevocations(t.Context(), 0, start)
	must(t, err)
	if len(revs) != 2 {
		t.Errorf("revocations %+v, want of the session and its child", revs)
	}
}

func openingMaxRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	errs := atOnce(100, func(i int) error {
		o := anOpening(a, fmt.Sprint(i), "")
		o.MaxSessions = 5
		_, err := s.OpenSession(t.Context(), o)
		return err
	})
	if n := countErrors(t, errs)[nil]; n != 100 {
		t.Errorf("%d of 100 sign-ins went through", n)
	}
	if list, err := s.Sessions(t.Context(), a.ID, start); err != nil || len(list) != 5 {
		t.Errorf("%d sessions live (%v), want 5", len(list), err)
	}
}

func openingDeviceRace(t *testing.T, s Store) {
	a := withAccount(t, s, "ada")
	opened(t, s, anOpening(a, "first", "elsewhere"))
	devices := atOnce(100, func(i int) uuid.UUID {
		o, _ := listening(anOpening(a, fmt.Sprint(i), "phone"))
		sess, err := s.OpenSession(t.Context(), o)
		if err != nil {
			t.Error(err)
		}
		return sess.DeviceID
	})
	slices.SortFunc(devices, func(x, y uuid.UUID) int { return slices.Compare(x[:], y[:]) })
	if devices = slices.Compact(devices); len(devices) != 1 || devices[0] == uuid.Nil {
		t.Errorf("it is known as %v", devices)
	}
	list, err := s.Sessions(t.Context(), a.ID, start)
	must(t, err)
	for _, l := range list {
		if l.DeviceID != devices[0] && len(list) == 101 && l.RefreshDigest != sum("first") {
			t.Errorf("a session is stored with the device %s", l.DeviceID)
		}
	}
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 1 {
		t.Errorf("%d mails tell of it (%v), want 1", n, err)
	}
}

func sessionRename(t *testing.T, s Store) {
	a, other := withAccount(t, s, "ada"), withAccount(t, s, "other")
	mine, foreign, gone := withSession(t, s, a, "1"), withSession(t, s, other, "2"), withSession(t, s, a, "3")
	_, err := s.RevokeSessions(t.Context(), a.ID, []uuid.UUID{gone.ID}, false, start, authcore.Effects{})
	must(t, err)
	renamed, err := s.RenameSession(t.Context(), a.ID, mine.ID, "kitchen", start, authcore.Effects{})
	if err != nil || renamed.ID != mine.ID || renamed.DeviceName != "kitchen" {
		t.Errorf("renamed %+v (%v)", renamed, err)
	}
	for _, id := range []uuid.UUID{foreign.ID, gone.ID, uuid.New(), uuid.Nil} {
		_, err := s.RenameSession(t.Context(), a.ID, id, "x", start, mails(1))
		wants(t, err, authcore.ErrNotFound)
	}
	_, err = s.RenameSession(t.Context(), a.ID, mine.ID, "x", mine.RefreshExpiresAt, authcore.Effects{})
	wants(t, err, authcore.ErrNotFound)
	if n, _, err := s.OutboxDepth(t.Context()); err != nil || n != 0 {
		t.Errorf("%d mails of what was not renamed (%v)", n, err)
	}
}
