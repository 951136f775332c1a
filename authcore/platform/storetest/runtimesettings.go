package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/tuning"
)

var runtimeSettings = []promise{
	{"a run-time value stands until it is reset, each change with its version, and the greatest number is known for ever", settingsKept},
	{"changes of a setting page backwards, the last one first", settingChangesPage},
	{"of 100 changes with one version one is stored", settingsRace},
}

var setter = uuid.MustParse("00000000-0000-4000-8000-00000000000a")

func aSettingChange(version int64, name string, from, to time.Duration) tuning.Change {
	return tuning.Change{Version: version, Name: name, From: tuning.DurationValue(from), To: tuning.DurationValue(to),
		At: start.Add(time.Duration(version) * time.Minute), By: setter, Reason: "it was too long"}
}

func settingsKept(t *testing.T, s Store) {
	ctx := t.Context()
	state, err := s.RuntimeSettings(ctx)
	must(t, err)
	if state.Version != 0 || len(state.Overrides) != 0 {
		t.Errorf("at first %+v", state)
	}
	fx := func() authcore.Effects { return authcore.Effects{Mails: []authcore.Mail{aMail()}} }
	must(t, s.ChangeSetting(ctx, aSettingChange(1, "access_lifetime", 5*time.Minute, time.Minute), fx()))
	must(t, s.ChangeSetting(ctx, aSettingChange(2, "access_lifetime", time.Minute, time.Hour), fx()))
	other := aSettingChange(3, "fresh_for", 10*time.Minute, time.Minute)
	other.By, other.Reason = uuid.Nil, ""
	must(t, s.ChangeSetting(ctx, other, fx()))
	state, err = s.RuntimeSettings(ctx)
	must(t, err)
	want := tuning.State{Version: 3, ChangedAt: start.Add(3 * time.Minute), Overrides: []tuning.Override{
		{Name: "access_lifetime", Value: "1h", At: start.Add(2 * time.Minute), By: setter, Reason: "it was too long"},
		{Name: "fresh_for", Value: "1m", At: start.Add(3 * time.Minute)},
	}, Most: map[string]int64{"access_lifetime": int64(time.Hour), "fresh_for": int64(10 * time.Minute)}}
	if diff := cmp.Diff(want, state); diff != "" {
		t.Error(diff)
	}
	reset := aSettingChange(4, "access_lifetime", time.Hour, 5*time.Minute)
	reset.Reset = true
	must(t, s.ChangeSetting(ctx, reset, fx()))
	wants(t, s.ChangeSetting(ctx, aSettingChange(4, "fresh_for", time.Minute, time.Hour), fx()), tuning.ErrOvertaken)
	state, err = s.RuntimeSettings(ctx)
	must(t, err)
	if version, err := s.SettingsVersion(ctx); err != nil || version != 4 || state.Version != 4 {
		t.Errorf("version %d and %d (%v)", version, state.Version, err)
	}
	if len(state.Overrides) != 1 || state.Overrides[0].Name != "fresh_for" || state.Overrides[0].Value != "1m" || state.Most["access_lifetime"] != int64(time.Hour) {
		t.Errorf("after the reset %+v", state)
	}
	if n, _, err := s.OutboxDepth(ctx); err != nil || n != 4 {
		t.Errorf("%d mails (%v), want one of each change that was stored", n, err)
	}
}

func settingChangesPage(t *testing.T, s Store) {
	ctx := t.Context()
	for v := range int64(5) {
		must(t, s.ChangeSetting(ctx, aSettingChange(2*v+1, "access_lifetime", time.Duration(v+1)*time.Second, time.Duration(v+2)*time.Second), authcore.Effects{}))
		must(t, s.ChangeSetting(ctx, aSettingChange(2*v+2, "fresh_for", time.Minute, time.Minute), authcore.Effects{}))
	}
	all, err := s.SettingChanges(ctx, "access_lifetime", 0, 3)
	must(t, err)
	rest, err := s.SettingChanges(ctx, "access_lifetime", all[len(all)-1].Version, 3)
	must(t, err)
	var versions []int64
	for _, c := range append(all, rest...) {
		versions = append(versions, c.Version)
	}
	if diff := cmp.Diff([]int64{9, 7, 5, 3, 1}, versions); diff != "" {
		t.Error(diff)
	}
	want := aSettingChange(9, "access_lifetime", 5*time.Second, 6*time.Second)
	want.From.Number, want.To.Number = 0, 0 // texts are what is shown
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
}

func settingsRace(t *testing.T, s Store) {
	win(t, 1, tuning.ErrOvertaken, atOnce(100, func(i int) error {
		return s.ChangeSetting(t.Context(), aSettingChange(1, "access_lifetime", time.Minute, time.Duration(i+1)*time.Second), authcore.Effects{})
	}))
	state, err := s.RuntimeSettings(t.Context())
	must(t, err)
	changes, err := s.SettingChanges(t.Context(), "access_lifetime", 0, 10)
	must(t, err)
	if len(changes) != 1 || len(state.Overrides) != 1 || state.Overrides[0].Value != changes[0].To.Text {
		t.Errorf("%+v and %+v", state.Overrides, changes)
	}
}
