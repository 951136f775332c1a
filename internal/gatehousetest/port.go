package gatehousetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
)

const (
	firstPort = 15000 // and the last is below the range from which outgoing connections get theirs
	ports     = 2120  // of a process. Each is used once, three by each gateway
	ranges    = 8     // processes that run at the same time and have ports of their own
)

var (
	portMu   sync.Mutex
	portUsed = map[int]bool{}
)

// FreePort picks from a range that no other process of these tests has: a port may be taken between the choice and its
// use, or while a gateway is restarted.
func FreePort() int {
	portMu.Lock()
	defer portMu.Unlock()
	for {
		if len(portUsed) == ports {
			panic("the tests have more gateways than ports")
		}
		port := firstPort + portRange()*ports + rand.IntN(ports)
		if portUsed[port] {
			continue
		}
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		_ = l.Close()
		portUsed[port] = true
		return port
	}
}

// portRange is the first range whose file this process could lock, until it ends. Where all are taken, or cannot be
// locked, it is one that seldom is another's.
var portRange = sync.OnceValue(func() int {
	for n := range ranges {
		file := filepath.Join(os.TempDir(), fmt.Sprintf("gatehousetest-ports-%d", n))
		fd, err := syscall.Open(file, syscall.O_CREAT|syscall.O_RDWR|syscall.O_CLOEXEC, 0o600) // no os.File: it stays open to the end
		if err != nil {
			continue
		}
		if syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return n
		}
		_ = syscall.Close(fd)
	}
	return os.Getpid() % ranges
})
