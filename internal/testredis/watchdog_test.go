package testredis

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// orphanVariable makes this binary play a test binary that dies while its server runs.
const orphanVariable = "TESTREDIS_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanVariable) == "" {
		os.Exit(m.Run())
	}
	s := &Server{}
	if err := s.open(); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(s.pid, s.folder)
	select {}
}

func TestWatchdog_KilledTestBinaryLeavesNothing(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), orphanVariable+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, readErr := bufio.NewReader(out).ReadString('\n')
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the killed binary ended well")
	}
	var pid int
	var folder string
	if _, err := fmt.Sscan(line, &pid, &folder); err != nil || readErr != nil {
		t.Fatalf("the binary said %q: %v, %v", line, err, readErr)
	}
	if !testproc.Until(20*time.Second, func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist) && !runs(pid)
	}) {
		t.Errorf("process %d or folder %s outlived its test binary", pid, folder)
	}
}

// runs tells a process that still works from one that is gone, or waits as a zombie for a parent that reaps none.
func runs(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
		return false
	}
	_, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // a zombie has none
	return err == nil
}

func TestOpen_SaysWhyItCannotStart(t *testing.T) {
	t.Parallel()
	s := &Server{options: Options{Settings: map[string]string{"maxmemory": "many"}}}
	err := s.open()
	if err == nil {
		t.Error("a server with a bad setting started")
	}
	folder := s.folder
	if err := s.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is left: %v", folder, err)
	}
}
