package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// stopLimit is how long a process may take to end in good order.
const stopLimit = 5 * time.Second

// Host starts processes that cannot outlive this one: the kernel ends them with the thread that started them, so all are
// started by one thread, which lives as long as the Host. Its methods are safe for concurrent use.
type Host struct{ jobs chan job }

type job struct {
	cmd  *exec.Cmd
	done chan error
}

// NewHost returns a Host; Close it after the last process has ended.
func NewHost() *Host {
	h := &Host{jobs: make(chan job)}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for j := range h.jobs {
			j.done <- j.cmd.Start()
		}
	}()
	return h
}

// Close ends the thread and whatever it has started and nobody stopped.
func (h *Host) Close() { close(h.jobs) }

// Spec is a process to start.
type Spec struct {
	Name string   // for errors
	Args []string // program and arguments
	Dir  string
	Env  []string // NAME=value, all of it
	Log  string   // file for both outputs
}

// Process is a running one.
type Process struct {
	name, log string
	cmd       *exec.Cmd
	ended     chan struct{}
}

// Start starts a process and does not wait for anything.
func (h *Host) Start(s Spec) (*Process, error) {
	log, err := os.Create(s.Log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(s.Args[0], s.Args[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.Dir, s.Env, log, log
	// A group of its own: ctrl-C reaches us first, and the process through us. SIGTERM, since a master has workers to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	done := make(chan error, 1)
	h.jobs <- job{cmd, done}
	if err := <-done; err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	p := &Process{name: s.Name, log: s.Log, cmd: cmd, ended: make(chan struct{})}
	go func() {
		_ = cmd.Wait() // how a server ended says its log
		close(p.ended)
	}()
	return p, nil
}

// Await asks ready every few milliseconds until it is true. It fails when the process ends or limit passes, with the last
// lines of its log.
func (p *Process) Await(limit time.Duration, ready func() bool) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.ended:
			return fmt.Errorf("await %s: it has ended:\n%s", p.name, p.lastLines())
		case <-timeout.C:
			return fmt.Errorf("await %s: not ready after %s:\n%s", p.name, limit, p.lastLines())
		case <-tick.C:
		}
	}
	return nil
}

// Stop asks the process to end, by force after some seconds, and waits until it has.
func (p *Process) Stop() error {
	select {
	case <-p.ended:
		return fmt.Errorf("stop %s: it has ended by itself:\n%s", p.name, p.lastLines())
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopLimit):
	}
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	<-p.ended
	return nil
}

func (p *Process) lastLines() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}
