package testpg

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// signalAll sends a signal to the postmaster and all its children. Each backend leads a process
// group of its own, so a group signal would miss them; and the postmaster is stopped first, so that
// it forks nothing between the count and the signal.
func signalAll(postmaster int, sig syscall.Signal) ([]int, error) {
	if err := syscall.Kill(postmaster, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("stopping postmaster %d: %w", postmaster, err)
	}
	children, err := childrenOf(postmaster)
	if err != nil {
		return nil, err
	}
	for _, pid := range append(children, postmaster) {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return nil, fmt.Errorf("sending %s to %d: %w", sig, pid, err)
		}
	}
	return children, nil
}

func gone(pids []int) bool {
	for _, pid := range pids {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) && !zombie(pid) {
			return false
		}
	}
	return true
}

// zombie matters in containers whose first process reaps no orphans.
func zombie(pid int) bool {
	_, state, ok := stat(strconv.Itoa(pid))
	return ok && state == "Z"
}

func childrenOf(parent int) ([]int, error) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		return childrenByPS(parent)
	}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var children []int
	for _, entry := range entries {
		name := filepath.Base(entry)
		if ppid, _, ok := stat(name); ok && ppid == parent {
			pid, err := strconv.Atoi(name)
			if err != nil {
				return nil, err
			}
			children = append(children, pid)
		}
	}
	return children, nil
}

// stat reads parent and state of a process; ok is false when it has ended meanwhile.
func stat(pid string) (ppid int, state string, ok bool) {
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return 0, "", false
	}
	// The second field is the program's name in parentheses and may hold both of them and spaces.
	_, rest, found := strings.Cut(string(text[strings.LastIndexByte(string(text), ')'):]), " ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 {
		return 0, "", false
	}
	ppid, err = strconv.Atoi(fields[1])
	return ppid, fields[0], err == nil
}

// childrenByPS serves systems without /proc.
func childrenByPS(parent int) ([]int, error) {
	out, err := exec.Command("ps", "-A", "-o", "pid=,ppid=").Output()
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var children []int
	for line := range strings.Lines(string(out)) {
		var pid, ppid int
		if _, err := fmt.Sscan(line, &pid, &ppid); err == nil && ppid == parent {
			children = append(children, pid)
		}
	}
	return children, nil
}
