package testproxy

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// chunk is how much is carried at once: small, so that a slow or breaking link works within an answer.
const chunk = 4 << 10

// Faults are what is wrong with the link. The zero value is a good one.
type Faults struct {
	// Cut refuses new connections and closes those that are there.
	Cut bool
	// Stalled carries nothing and refuses nothing, like a black hole or a half-open connection.
	Stalled bool
	// StalledDown carries requests and no answers.
	StalledDown bool
	// Delay is added to every chunk of an answer.
	Delay time.Duration
	// BytesPerSecond bounds the answers of each connection; 0 is no bound.
	BytesPerSecond int
	// ResetAfter resets a connection once so many bytes of answers have passed; 0 never does.
	ResetAfter int
}

// Proxy listens on a loopback port of its own and carries what comes to a target. Its methods are
// safe for concurrent use.
type Proxy struct {
	target  string
	addr    string
	carried atomic.Int64

	mu       sync.Mutex
	faults   Faults
	changed  chan struct{} // closed when faults change
	listener net.Listener  // nil while cut
	conns    map[net.Conn]struct{}
	closed   bool
	done     sync.WaitGroup
}

// New starts a proxy to the target, host and port, that ends with the test.
func New(t testing.TB, target string) *Proxy {
	t.Helper()
	l, port, err := listen()
	if err != nil {
		t.Fatalf("testproxy: %v", err)
	}
	p := &Proxy{target: target, addr: l.Addr().String(), listener: l,
		changed: make(chan struct{}), conns: make(map[net.Conn]struct{})}
	p.done.Go(func() { p.accept(l) })
	t.Cleanup(func() {
		p.close()
		free(port)
	})
	return p
}

// Addr is host and port, the same all the time.
func (p *Proxy) Addr() string { return p.addr }

// Carried is how many bytes have gone through, both ways together.
func (p *Proxy) Carried() int64 { return p.carried.Load() }

// Set makes these the faults of all connections, old and new.
func (p *Proxy) Set(t testing.TB, f Faults) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = f
	close(p.changed)
	p.changed = make(chan struct{})
	switch {
	case f.Cut && p.listener != nil:
		_ = p.listener.Close()
		p.listener = nil
		p.drop()
	case !f.Cut && p.listener == nil:
		l, err := net.Listen("tcp", p.addr)
		if err != nil {
			t.Fatalf("testproxy: listening again: %v", err)
		}
		p.listener = l
		p.done.Go(func() { p.accept(l) })
	}
}

// Drop resets every connection that is there.
func (p *Proxy) Drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}

// drop must be called with p.mu held.
func (p *Proxy) drop() {
	for c := range p.conns {
		reset(c)
	}
}

func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // an RST and no FIN
	}
	_ = c.Close()
}

func (p *Proxy) close() {
	p.mu.Lock()
	p.closed = true
	close(p.changed)
	p.changed = make(chan struct{})
	if p.listener != nil {
		_ = p.listener.Close()
	}
	p.drop()
	p.mu.Unlock()
	p.done.Wait()
}

func (p *Proxy) accept(l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		p.done.Go(func() { p.carry(client) })
	}
}

func (p *Proxy) carry(client net.Conn) {
	server, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		reset(client)
		return
	}
	if !p.keep(client, server) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.pump(server, client, false) })
	both.Go(func() { p.pump(client, server, true) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

// keep counts a pair of connections among those that are there, unless there may be none any more.
func (p *Proxy) keep(pair ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range pair {
		if p.closed || p.faults.Cut {
			reset(c)
		} else {
			p.conns[c] = struct{}{}
		}
	}
	return !p.closed && !p.faults.Cut
}

// pump carries one direction until either side ends.
func (p *Proxy) pump(to, from net.Conn, answers bool) {
	defer to.Close()
	defer from.Close()
	buf, carried := make([]byte, chunk), 0
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if broken := p.pass(n, carried, answers); broken != nil {
				reset(to)
				reset(from)
				return
			}
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
			carried += n
			p.carried.Add(int64(n))
		}
		if err != nil {
			return
		}
	}
}

var errReset = errors.New("connection reset by the proxy")

// pass waits until a chunk may go on.
func (p *Proxy) pass(n, carried int, answers bool) error {
	for waited := false; ; {
		p.mu.Lock()
		f, changed, closed := p.faults, p.changed, p.closed
		p.mu.Unlock()
		wait := time.Duration(0)
		if answers && !waited {
			wait = f.Delay
			if f.BytesPerSecond > 0 {
				wait += time.Duration(n) * time.Second / time.Duration(f.BytesPerSecond)
			}
		}
		switch {
		case closed, f.Cut, answers && f.ResetAfter > 0 && carried+n > f.ResetAfter:
			return errReset
		case f.Stalled, f.StalledDown && answers:
			<-changed
		case wait > 0:
			timer := time.NewTimer(wait)
			select {
			case <-timer.C:
				waited = true
			case <-changed:
				timer.Stop()
			}
		default:
			return nil
		}
	}
}
