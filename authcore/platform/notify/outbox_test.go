package notify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/notify"
)

func letter() notify.Letter {
	id := uuid.Must(uuid.NewV7())
	return notify.Letter{ID: id, From: "a@example.com", To: "b@example.com", Subject: "s", Text: "text\n", HTML: "<p>html</p>\n", MessageID: id.String() + "@example.com"}
}

func names(t *testing.T, dir string) (ns []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		ns = append(ns, e.Name())
	}
	return ns
}

func TestOutbox_FilesSortInTheOrderOfSending(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "out[box]")
	frozen := time.Date(2026, 11, 22, 13, 5, 1, 123456789, time.FixedZone("", 3600))
	o, err := notify.OpenOutbox(dir, func() time.Time { return frozen })
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 20 {
		l := letter()
		if err := o.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		want = append(want, fmt.Sprintf("20261122T120501.%dZ-%s.eml", 123456+i, l.ID))
	}
	if got := names(t, dir); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", info.Mode(), err)
	}
	if info, err := os.Stat(filepath.Join(dir, want[0])); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %v, %v", info.Mode(), err)
	}
}

func TestOutbox_ALetterTriedBeforeIsWrittenOnce(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "out[box]*")
	o, err := notify.OpenOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := letter()
	l.Again = true
	for range 3 {
		if err := o.Send(t.Context(), l); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("got %q, want one file", got)
	}
}

func TestOutbox_Parallel(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, err := notify.OpenOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if err := o.Send(t.Context(), letter()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	stamps := map[string]bool{}
	for _, n := range names(t, dir) {
		stamp, _, _ := strings.Cut(n, "-")
		stamps[stamp] = true
	}
	if len(stamps) != 50 {
		t.Errorf("%d different times in 50 names", len(stamps))
	}
}

func TestOutbox_LeavesNothingHalfWritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	o, err := notify.OpenOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	l := letter()
	l.To = "b@example.com\r\nBcc: c@example.com"
	if err := o.Send(t.Context(), l); err == nil {
		t.Error("a letter with two recipients was written")
	}
	if got := names(t, dir); len(got) != 0 {
		t.Errorf("left behind: %q", got)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := o.Send(t.Context(), letter()); err != nil {
		t.Errorf("after the folder was tidied away: %v", err)
	}
}
