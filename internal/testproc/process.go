package testproc

import (
	"errors"
	"net"
	"syscall"
	"time"
)

// Exited reports whether a child has ended, and reaps it. It polls instead of leaving a goroutine in Wait, which a leak
// check of the package under test would find.
func Exited(pid int) bool {
	var status syscall.WaitStatus
	for {
		got, err := syscall.Wait4(pid, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return got == pid || err != nil
	}
}

// Until polls a condition and reports whether it came true in time.
func Until(limit time.Duration, condition func() bool) bool {
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		if time.Now().After(deadline) {
			return false
		}
		<-tick.C
	}
	return true
}

// FreePort returns a TCP port of loopback that nobody listens on now. Another process may take it before its caller
// does: who starts a server there tries again with another.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
