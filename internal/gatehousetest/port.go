package gatehousetest

import (
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
)

var (
	portMu   sync.Mutex
	portUsed = map[int]bool{}
)

// ports is how many a process has. Each is used once, three by each gateway.
const ports = 2120

// FreePort picks below the range from which outgoing connections get theirs, and where other test processes seldom pick:
// a port may be taken between the choice and its use, or while a gateway is restarted.
func FreePort() int {
	portMu.Lock()
	defer portMu.Unlock()
	for {
		if len(portUsed) == ports {
			panic("the tests have more gateways than ports")
		}
		port := 15000 + os.Getpid()%8*ports + rand.IntN(ports)
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
