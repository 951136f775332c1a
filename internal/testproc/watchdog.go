package testproc

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// watchdogScript reads the server's process id, again after each start (0 while it is down), until the pipe breaks: then
// the test binary is gone, however it went. SIGQUIT comes first where the server understands it (Postgres frees its System
// V segment); a frozen one needs the SIGCONT to hear it.
const watchdogScript = `
pid=0
while read -r line; do pid=$line; done
if [ "$pid" != 0 ]; then
	if [ "$2" = quit ]; then
		kill -QUIT "$pid"; kill -CONT "$pid"
		n=0
		while kill -0 "$pid" && [ $n -lt 80 ]; do sleep 0.1; n=$((n+1)); done
	fi
	kill -KILL "$pid"
fi
rm -rf "$1"
`

// Watchdog is a process that holds the reading end of a pipe whose only writer is this process. When that breaks, it ends
// the server it was told of last and removes its folder.
type Watchdog struct {
	process *os.Process
	pipe    *os.File
}

// StartWatchdog starts one over a server's folder. quit says that the server ends in an orderly way by SIGQUIT.
func StartWatchdog(folder string, quit bool) (*Watchdog, error) {
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
	how := "kill"
	if quit {
		how = "quit"
	}
	process, err := os.StartProcess(shell, []string{"sh", "-c", watchdogScript, "watchdog", folder, how}, &os.ProcAttr{
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
	return &Watchdog{process: process, pipe: writer}, nil
}

// Watch names the process to end; 0 is none.
func (w *Watchdog) Watch(pid int) error {
	_, err := w.pipe.WriteString(strconv.Itoa(pid) + "\n")
	return err
}

// Dismiss lets the watchdog remove the folder and waits for it.
func (w *Watchdog) Dismiss() error {
	if err := w.pipe.Close(); err != nil {
		return err
	}
	_, err := w.process.Wait()
	return err
}
