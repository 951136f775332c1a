package proc

import (
	"os/exec"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	t.Parallel()
	const rest = "S 1 812 812 0 -1 4194560 9057 0 12 0 "
	for name, c := range map[string]struct {
		text string
		want time.Duration
	}{
		"plain":                {"812 (gatehouse) " + rest + "150 25 0 0 20 0 9 0 4471 1 2", 1750 * time.Millisecond},
		"parenthesis and gaps": {"812 (a) R 9 (b) " + rest + "1 2 7 7 20 0 9 0 4471 1 2", 30 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseStat(c.text)
			if err != nil || got != c.want {
				t.Errorf("got %v, %v, want %v", got, err, c.want)
			}
		})
	}
	for _, bad := range []string{"", "812 (gatehouse", "812 (gatehouse) S 1 2", "812 (gatehouse) " + rest + "x 25 0"} {
		if got, err := parseStat(bad); err == nil {
			t.Errorf("%q: got %v without an error", bad, got)
		}
	}
}

func TestParseStatus(t *testing.T) {
	t.Parallel()
	got, err := parseStatus("Name:\tgatehouse\nVmHWM:\t   90000 kB\nVmRSS:\t   81920 kB\nRssAnon:\t   20480 kB\nRssFile:\t 61440 kB\n")
	if want := (Memory{Resident: 80 << 20, Anonymous: 20 << 20}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "VmRSS:\t1 kB\n", "VmRSS:\t1 MB\nRssAnon:\t1 kB\n", "VmRSS:\t-1 kB\nRssAnon:\t1 kB\n"} {
		if got, err := parseStatus(bad); err == nil {
			t.Errorf("%q: got %+v without an error", bad, got)
		}
	}
}

func TestClock_Steal(t *testing.T) {
	t.Parallel()
	first, err := parseClock("cpu  100 0 50 800 10 0 5 35 7 0\ncpu0 1 2 3\n")
	if err != nil {
		t.Fatal(err)
	}
	second, err := parseClock("cpu  180 0 70 850 20 0 5 75 9 0\ncpu0 1 2 3\n")
	if err != nil {
		t.Fatal(err)
	}
	if got := second.Steal(first); got != 0.2 {
		t.Errorf("got %v, want 0.2: 40 of 200 ticks", got)
	}
	if got := first.Steal(first); got != 0 {
		t.Errorf("got %v for no time at all, want 0", got)
	}
	for _, bad := range []string{"", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 6 7", "cpu 1 2 3 4 5 6 7 x"} {
		if _, err := parseClock(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

func TestProcess_CPUOfThisOne(t *testing.T) {
	t.Parallel()
	p, err := Start("shell", exec.Command("/bin/sh", "-c", "while :; do :; done"), t.TempDir()+"/log")
	if err != nil {
		t.Fatal(err)
	}
	used := func() bool { spent, err := p.CPU(); return err == nil && spent >= 2*tick }
	if err := p.Await(30*time.Second, used); err != nil {
		t.Error(err)
	}
	if m, err := p.Memory(); err != nil || m.Resident == 0 {
		t.Errorf("memory %+v, %v", m, err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if p.Stop() == nil {
		t.Error("stopping what has ended is no error")
	}
}
