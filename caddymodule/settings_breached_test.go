package caddymodule

import (
	"bytes"
	"crypto/sha1"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// breachedFile makes the file of some passwords by the command.
func breachedFile(t *testing.T, passwords ...string) string {
	t.Helper()
	var list strings.Builder
	for _, p := range passwords {
		fmt.Fprintf(&list, "%X:7\n", sha1.Sum([]byte(p)))
	}
	file := filepath.Join(t.TempDir(), "breached")
	if _, err := buildBreached(strings.NewReader(list.String()), "-", file); err != nil {
		t.Fatal(err)
	}
	return file
}

func breachedSettings(file string) *resolved {
	return &resolved{password: passwordRules{breached: file}}
}

// The loss of the file while running must not refuse anybody, and is told once.
func TestBreaches_LossRefusesNobody(t *testing.T) {
	t.Parallel()
	file := breachedFile(t, "lemon kite 42 river")
	var log bytes.Buffer
	b, err := breachedSettings(file).openBreaches(slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer b.close()
	if !b.has("lemon kite 42 river") || b.has("another one of mine") {
		t.Error("the list is not asked")
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if !b.has("lemon kite 42 river") {
		t.Error("a file that was removed is mapped still")
	}
	registry := prometheus.NewRegistry()
	if err := registerMetrics(registry); err != nil {
		t.Fatal(err)
	}
	const series = "gatehouse_breach_checks_total{outcome=unavailable}"
	lost := gathered(t, registry)[series]
	if err := b.list.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if b.has("lemon kite 42 river") {
			t.Error("a list that cannot be read refuses somebody")
		}
	}
	if n := gathered(t, registry)[series] - lost; n != 2 || strings.Count(log.String(), "was lost") != 1 {
		t.Errorf("%v lost look-ups are counted, and the log says %q", n, &log)
	}
}

func TestBreaches_DamagedOrMissingIsRefused(t *testing.T) {
	t.Parallel()
	file := breachedFile(t, "lemon kite 42 river")
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	whole[len(whole)-1] ^= 1
	if err := os.WriteFile(file, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "damaged", filepath.Join(t.TempDir(), "none"): "no such file"} {
		if _, err := breachedSettings(path).openBreaches(nil); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "gatehouse breached build") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if b, err := breachedSettings("").openBreaches(nil); b != nil || err != nil || b.hook() != nil || b.close() != nil {
		t.Error("no file is an error")
	}
}

func TestCommandBreached(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	list, file := filepath.Join(dir, "list"), filepath.Join(dir, "file")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("not a digest\n")
	if code, said := endOf([]string{"gatehouse", "breached", "build", list, file}); code == "ExitCode:0" || !strings.Contains(said, "line 1") {
		t.Errorf("a wrong list ends with %s: %s", code, said)
	}
	for _, line := range [][]string{{"gatehouse", "breached", "build", filepath.Join(dir, "none"), file}, {"gatehouse", "breached", "check", file}} {
		if code, said := endOf(line); code != "ExitCode:3" {
			t.Errorf("%q ends with %s: %s", line, code, said)
		}
	}
	write(fmt.Sprintf("%x:1\n%X\n", sha1.Sum([]byte("one")), sha1.Sum([]byte("two"))))
	code, said := endOf([]string{"gatehouse", "breached", "build", "--json", list, file})
	var built struct{ Passwords, Bytes int }
	if err := json.Unmarshal([]byte(said), &built); err != nil || code != "ExitCode:0" || built.Passwords != 2 || built.Bytes == 0 {
		t.Errorf("%s: %s", code, said)
	}
	var out bytes.Buffer
	for typed, want := range map[string]string{"nothing\n": "", "three\none\n\ntwo": "ExitCode:4"} {
		top := commandsBelow(&out)
		top.SetIn(strings.NewReader(typed))
		top.SetArgs([]string{"breached", "check", "--stdin", file})
		if err := top.Execute(); (err == nil) != (want == "") || !strings.Contains(fmt.Sprintf("%#v", err), want) {
			t.Errorf("%q: %#v", typed, err)
		}
	}
	if text := out.String(); !strings.Contains(text, "line 2") || !strings.Contains(text, "line 4") || strings.Contains(text, "line 1 ") {
		t.Errorf("it says %s", text)
	}
}
