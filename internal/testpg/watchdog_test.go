package testpg

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// orphanVariable makes this binary play a test binary that dies while its server runs.
const orphanVariable = "TESTPG_ORPHAN"

func TestMain(m *testing.M) {
	if os.Getenv(orphanVariable) == "" {
		Main(m)
		return
	}
	s, err := sharedServer()
	if err == nil && os.Getenv(orphanVariable) == "frozen" {
		err = s.freeze()
	}
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(s.pid, s.folder)
	select {}
}

func TestWatchdog_KilledTestBinaryLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"running", "frozen"} {
		t.Run(state, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(os.Environ(), orphanVariable+"="+state)
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
			if !testproc.Until(20*time.Second, func() bool { return gone([]int{pid}) }) {
				t.Errorf("postmaster %d outlived its test binary", pid)
			}
			if !testproc.Until(20*time.Second, func() bool {
				_, err := os.Stat(folder)
				return errors.Is(err, os.ErrNotExist)
			}) {
				t.Errorf("folder %s outlived its test binary", folder)
			}
		})
	}
}

func TestOpen_SaysWhyItCannotStartAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s := &Server{options: Options{Settings: map[string]string{"max_connections": "many"}}, password: "unused"}
	err := s.open()
	if err == nil {
		t.Fatal("a server with a bad setting started")
	}
	if text := err.Error(); !strings.Contains(text, "max_connections") || strings.Contains(text, "\n") {
		t.Errorf("the error is no single line that names the reason: %q", text)
	}
	if s.pid != 0 {
		t.Errorf("process %d is left", s.pid)
	}
	if _, err := os.Stat(s.folder); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("folder %s is left: %v", s.folder, err)
	}
}
