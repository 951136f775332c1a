package gatehousetest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Process is a running child that does not outlive this process, however that ends.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
	err    error // of Wait, once exited is closed
}

// StartProcess starts a command and waits for nothing. Where the command says nothing else, the kernel kills it when this
// process dies.
func StartProcess(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	if err := Spawn(cmd); err != nil {
		return nil, err
	}
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Signal sends a signal. That the process has ended already is an error.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process as a crash would, and waits.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// Wait waits until the process has ended by itself, and returns how; false says that it did not within the limit.
func (p *Process) Wait(limit time.Duration) (how error, ended bool) {
	select {
	case <-p.exited:
		return p.err, true
	case <-time.After(limit):
		return nil, false
	}
}

// ErrEnded is what Await says of a process that ended before it was ready.
var ErrEnded = errors.New("it has ended")

// Await asks ready every few milliseconds until it is true. It fails when the process ends or the limit passes.
func (p *Process) Await(limit time.Duration, ready func() bool) error {
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.exited:
			return ErrEnded
		case <-timeout.C:
			return fmt.Errorf("not ready after %s", limit)
		case <-tick.C:
		}
	}
	return nil
}

// Command returns a gateway's command line: it works in a folder that is also its home, and of this process's environment
// it gets PATH alone.
func Command(binary, folder string, env []string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = folder
	cmd.Env = append([]string{"HOME=" + folder, "XDG_DATA_HOME=" + folder + "/xdg", "XDG_CONFIG_HOME=" + folder + "/xdg",
		"PATH=" + os.Getenv("PATH")}, env...)
	return cmd
}

// RunArgs start a gateway, or any Caddy, on the Caddyfile of its folder.
func RunArgs() []string { return []string{"run", "--config", "Caddyfile", "--adapter", "caddyfile"} }
