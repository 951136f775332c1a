package testredis

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// watchdogScript reads the server's process id, again after each start (0 while it is down), until
// the pipe breaks: then the test binary is gone, however it went.
const watchdogScript = `
pid=0
while read -r line; do pid=$line; done
[ "$pid" = 0 ] || kill -KILL "$pid"
rm -rf "$1"
`

// watchdog is a process that holds the reading end of a pipe whose only writer is this process.
type watchdog struct {
	process *os.Process
	pipe    *os.File
}

func startWatchdog(folder string) (*watchdog, error) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		return nil, err
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	process, err := os.StartProcess(shell, []string{"sh", "-c", watchdogScript, "watchdog", folder}, &os.ProcAttr{
		Dir: "/",
		// Not the test's own output: `go test` waits until nobody holds it any more.
		Files: []*os.File{reader, null, null},
		// A group of its own, so that ctrl-C ends the test and not its watchdog.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		writer.Close()
		return nil, fmt.Errorf("starting the watchdog: %w", err)
	}
	return &watchdog{process: process, pipe: writer}, nil
}

// watch names the process to end; 0 is none.
func (w *watchdog) watch(pid int) error {
	_, err := w.pipe.WriteString(strconv.Itoa(pid) + "\n")
	return err
}

// dismiss lets the watchdog remove the folder and waits for it.
func (w *watchdog) dismiss() error {
	if err := w.pipe.Close(); err != nil {
		return err
	}
	_, err := w.process.Wait()
	return err
}
