package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of times in /proc: USER_HZ, 100 a second on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPU returns the processor time that the process and its children have used, those that still run.
func (p *Process) CPU() (time.Duration, error) {
	pid := p.PID()
	sum, err := cpuOf(pid)
	if err != nil {
		return 0, fmt.Errorf("read processor time of %s: %w", p.name, err)
	}
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return 0, fmt.Errorf("read children of %s: %w", p.name, err)
	}
	for _, child := range strings.Fields(string(children)) {
		id, err := strconv.Atoi(child)
		if err != nil {
			return 0, fmt.Errorf("read children of %s: %w", p.name, err)
		}
		more, err := cpuOf(id)
		if err != nil {
			return 0, fmt.Errorf("read processor time of %s: %w", p.name, err)
		}
		sum += more
	}
	return sum, nil
}

func cpuOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// parseStat adds utime and stime, fields 14 and 15 of proc_pid_stat(5). The second field is the program's name in
// parentheses and may hold spaces and parentheses itself.
func parseStat(text string) (time.Duration, error) {
	_, rest, found := cutLast(text, ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, fmt.Errorf("unknown form of /proc/PID/stat: %q", text)
	}
	var sum time.Duration
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("unknown form of /proc/PID/stat: %w", err)
		}
		sum += time.Duration(n) * tick
	}
	return sum, nil
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// Memory is what a process holds, in bytes.
type Memory struct {
	Resident  uint64 `json:"resident"`  // all of its pages in memory, those of the program's file too
	Anonymous uint64 `json:"anonymous"` // heap and stacks
}

// Memory reads it from the kernel.
func (p *Process) Memory() (Memory, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return Memory{}, fmt.Errorf("read memory of %s: %w", p.name, err)
	}
	return parseStatus(string(text))
}

func parseStatus(text string) (m Memory, err error) {
	found := 0
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(line, ":")
		var into *uint64
		switch name {
		case "VmRSS":
			into = &m.Resident
		case "RssAnon":
			into = &m.Anonymous
		default:
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSpace(value), " ")
		n, err := strconv.ParseUint(number, 10, 64)
		if err != nil || unit != "kB" {
			return Memory{}, fmt.Errorf("unknown form of /proc/PID/status: %q", line)
		}
		*into = n << 10
		found++
	}
	if found != 2 {
		return Memory{}, fmt.Errorf("/proc/PID/status has no VmRSS and RssAnon")
	}
	return m, nil
}

// Clock is what the processors of the machine have done since it started.
type Clock struct{ total, stolen uint64 }

// Machine reads the Clock.
func Machine() (Clock, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return Clock{}, fmt.Errorf("read the machine's processor time: %w", err)
	}
	return parseClock(string(text))
}

// parseClock reads the first line of proc_stat(5): cpu user nice system idle iowait irq softirq steal guest guest_nice.
// The guest's times are parts of user and nice.
func parseClock(text string) (c Clock, err error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return Clock{}, fmt.Errorf("unknown form of /proc/stat: %q", line)
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return Clock{}, fmt.Errorf("unknown form of /proc/stat: %w", err)
		}
		c.total += n
		if i == 7 {
			c.stolen = n
		}
	}
	return c, nil
}

// Steal is the share of the machine's processor time since earlier that its host gave to others, 0 to 1.
func (c Clock) Steal(earlier Clock) float64 {
	if c.total <= earlier.total {
		return 0
	}
	return float64(c.stolen-earlier.stolen) / float64(c.total-earlier.total)
}
