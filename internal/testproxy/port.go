package testproxy

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
)

// A proxy's port stays its own while nobody listens there. So it lies below the range from which outgoing connections get
// theirs (from 32768 on, from 49152 outside of Linux), and below the ports of gateways in the end-to-end and the browser
// tests, which begin at 15000.
const (
	firstPort = 10000
	ports     = 5000
)

var (
	portMu   sync.Mutex
	portUsed = map[int]bool{} // by the proxies of this process that have not ended
)

var errNoPort = errors.New("no free port")

// listen takes a free port.
func listen() (l net.Listener, port int, err error) {
	portMu.Lock()
	defer portMu.Unlock()
	err = errNoPort
	for range 1000 {
		port = firstPort + rand.IntN(ports)
		if portUsed[port] {
			continue
		}
		if l, err = net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			portUsed[port] = true
			return l, port, nil
		}
	}
	return nil, 0, err
}

// free gives a port back.
func free(port int) {
	portMu.Lock()
	defer portMu.Unlock()
	delete(portUsed, port)
}
