package storetest

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
)

var avatars = []promise{
	{"a picture takes the place of the one before, and none removes it", avatarLife},
	{"of 100 at once the pictures that are left are those of the name that the account has", avatarRace},
}

func pictures(name string) []authcore.Picture {
	return []authcore.Picture{
		{Name: name, Size: 64, MediaType: "image/png", Image: []byte{0, 0xff, 1}},
		{Name: name, Size: 512, MediaType: "image/jpeg", Image: bytes.Repeat([]byte(name), 1000)},
	}
}

func avatarLife(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	for _, name := range []string{"one", "two"} {
		a, err := s.SetAvatar(t.Context(), ada.ID, name, pictures(name), start.Add(time.Minute),
			authcore.Effects{Events: []authcore.Event{anEvent(authcore.EventProfileChanged, start)}})
		if err != nil || a.AvatarURL != name || a.ID != ada.ID || !a.UpdatedAt.Equal(start.Add(time.Minute)) {
			t.Errorf("set %s: %+v (%v)", name, a, err)
		}
		for _, want := range pictures(name) {
			got, err := s.Avatar(t.Context(), name, want.Size)
			if err != nil || got.Name != name || got.Size != want.Size || got.MediaType != want.MediaType || !bytes.Equal(got.Image, want.Image) {
				t.Errorf("%s of %d: %+v (%v)", name, want.Size, got, err)
			}
		}
	}
	_, err := s.Avatar(t.Context(), "one", 64)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.Avatar(t.Context(), "two", 128)
	wants(t, err, authcore.ErrNotFound)
	if a, err := s.SetAvatar(t.Context(), ada.ID, "", nil, start, authcore.Effects{}); err != nil || a.AvatarURL != "" {
		t.Errorf("removed: %+v (%v)", a, err)
	}
	_, err = s.Avatar(t.Context(), "two", 64)
	wants(t, err, authcore.ErrNotFound)
	_, err = s.SetAvatar(t.Context(), uuid.New(), "three", pictures("three"), start, authcore.Effects{})
	wants(t, err, authcore.ErrNotFound)
	_, err = s.Avatar(t.Context(), "three", 64)
	wants(t, err, authcore.ErrNotFound)
}

func avatarRace(t *testing.T, s Store) {
	ada := withAccount(t, s, "ada")
	for _, err := range atOnce(100, func(i int) error {
		name := fmt.Sprint("race ", i)
		_, err := s.SetAvatar(t.Context(), ada.ID, name, pictures(name), start, authcore.Effects{})
		return err
	}) {
		must(t, err)
	}
	a, err := s.AccountByID(t.Context(), ada.ID)
	must(t, err)
	left := 0
	for i := range 100 {
		name := fmt.Sprint("race ", i)
		if _, err := s.Avatar(t.Context(), name, 64); err == nil {
			if left++; name != a.AvatarURL {
				t.Errorf("%s is left, the account has %s", name, a.AvatarURL)
			}
		}
	}
	if left != 1 {
		t.Errorf("%d uploads are left", left)
	}
}
