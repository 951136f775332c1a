package proc

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/gatehousetest"
)

// stopLimit is how long a process may take to end in good order.
const stopLimit = 5 * time.Second

// Process is a running one, whose outputs are in a file.
type Process struct {
	*gatehousetest.Process
	name, log string
}

// Start starts a command and does not wait for anything. The name is for errors; both outputs go to the file log. The
// process cannot outlive this one.
func Start(name string, cmd *exec.Cmd, log string) (*Process, error) {
	file, err := os.Create(log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	// A group of its own: ctrl-C reaches us first, and the process through us. SIGTERM, since a master has workers to end.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	p, err := gatehousetest.StartProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &Process{Process: p, name: name, log: log}, nil
}

// Await asks ready every few milliseconds until it is true. It fails when the process ends or limit passes, with the last
// lines of its log.
func (p *Process) Await(limit time.Duration, ready func() bool) error {
	if err := p.Process.Await(limit, ready); err != nil {
		return fmt.Errorf("await %s: %w:\n%s", p.name, err, p.lastLines())
	}
	return nil
}

// Stop asks the process to end, by force after some seconds, and waits until it has. How a server ended says its log.
func (p *Process) Stop() error {
	select {
	case <-p.Exited():
		return fmt.Errorf("stop %s: it has ended by itself:\n%s", p.name, p.lastLines())
	default:
	}
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	if _, ended := p.Wait(stopLimit); ended {
		return nil
	}
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	<-p.Exited()
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
