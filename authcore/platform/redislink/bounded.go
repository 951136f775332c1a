package redislink

import (
	"bytes"
	"context"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/redis/go-redis/v9"
)

const (
	// mostRead bounds what is read in answer to what was sent last. The largest honest answers are 64 messages of a feed, below
	// half a MiB, and the slots of a cluster that are scattered as never seen.
	mostRead = 4 << 20
	// perElement is what an element of a list counts besides its bytes: the client makes room for all of them at once.
	perElement = 48
	// longestLength is the longest line that says how long something is: its kind, a number of 64 bits, and the line's end.
	longestLength = 1 + 20 + 2
)

// bounded is a connection that fails once an answer is too large. Whoever can write to Redis can put half a GiB into one
// entry, and the client makes room for what an answer announces before any of it has come. So what is announced is counted
// here, before the client sees it. Both RESP2 and RESP3 come, the latter from sentinels.
// Like every connection it has one reader at a time.
type bounded struct {
	net.Conn
	left atomic.Int64 // of what may still be read before something is sent

	line   []byte // the beginning of the line that is coming in
	text   int64  // how much of a text has yet to come, its end of line included
	failed bool
}

// bounding returns a dialer like the client's own, over TLS where cfg says so, whose connections are bounded.
func bounding(cfg *Config) func(ctx context.Context, network, addr string) (net.Conn, error) {
	dial := redis.NewDialer(&redis.Options{DialTimeout: dialLimit, TLSConfig: cfg.TLS})
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return bound(conn), nil
	}
}

func bound(conn net.Conn) net.Conn {
	b := &bounded{Conn: conn, line: make([]byte, 0, longestLength)}
	b.left.Store(mostRead)
	if raw, ok := conn.(syscall.Conn); ok { // by this the client sees that the server has closed a plain one
		return struct {
			*bounded
			syscall.Conn
		}{b, raw}
	}
	return b
}

func (b *bounded) Write(p []byte) (int, error) {
	b.left.Store(mostRead)
	return b.Conn.Write(p)
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.failed {
		return 0, errOversized
	}
	n, err := b.Conn.Read(p)
	if !b.admit(p[:n]) {
		b.failed = true
		_ = b.Conn.Close() // so that Redis stops sending the rest
		return 0, errOversized
	}
	return n, err
}

// admit counts what has come in, and reports whether the client may see it.
func (b *bounded) admit(p []byte) bool {
	for len(p) > 0 {
		if b.text > 0 { // it was counted when it was announced
			passed := min(b.text, int64(len(p)))
			b.text, p = b.text-passed, p[passed:]
			continue
		}
		part, ended := p, false
		if end := bytes.IndexByte(p, '\n'); end >= 0 {
			part, ended = p[:end+1], true
		}
		p = p[len(part):]
		b.line = append(b.line, part[:min(len(part), cap(b.line)-len(b.line))]...)
		if !b.spend(int64(len(part)), 1) || ended && !b.announced() {
			return false
		}
	}
	return true
}

// announced counts what a line says will follow.
func (b *bounded) announced() bool {
	line := b.line
	b.line = b.line[:0]
	each := int64(0) // what an element counts; none for a text
	switch line[0] {
	case '+', '-', ':', '_', ',', '#', '(':
		return true
	case '$', '!', '=':
	case '*', '~', '>':
		each = perElement
	case '%', '|':
		each = 2 * perElement
	default:
		return false
	}
	if line[len(line)-1] != '\n' {
		return false // there is more of it than a number has
	}
	n, err := strconv.ParseInt(string(bytes.TrimRight(line[1:], "\r\n")), 10, 64)
	switch {
	case err != nil:
		return false
	case n < 0: // there is none
		return true
	case each > 0:
		return b.spend(n, each)
	}
	b.text = n + int64(len("\r\n"))
	return b.spend(n, 1)
}

// spend takes n times each from what is left, unless that is more.
func (b *bounded) spend(n, each int64) bool {
	return n <= mostRead/each && b.left.Add(-n*each) >= 0
}
