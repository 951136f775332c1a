package testproxy_test

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
)

// echo answers every byte.
func echo(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); io.Copy(c, c) }()
		}
	}()
	return l.Addr().String()
}

// ask sends a line and returns how long its echo took.
func ask(c net.Conn, within time.Duration) (time.Duration, error) {
	start := time.Now()
	if err := c.SetDeadline(start.Add(within)); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return 0, err
	}
	_, err := bufio.NewReader(c).ReadString('\n')
	return time.Since(start), err
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestProxy_FaultsComeAndGo(t *testing.T) {
	t.Parallel()
	for _, f := range []testproxy.Faults{{Stalled: true}, {StalledDown: true}, {Delay: 300 * time.Millisecond}, {BytesPerSecond: 10}} {
		p := testproxy.New(t, echo(t))
		c := dial(t, p.Addr())
		if _, err := ask(c, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		p.Set(t, f)
		if took, err := ask(c, 200*time.Millisecond); err == nil {
			t.Errorf("%+v: an answer in %s", f, took)
		}
		p.Set(t, testproxy.Faults{})
		if _, err := ask(c, 5*time.Second); err != nil {
			t.Errorf("%+v: afterwards %v", f, err)
		}
	}
}

func TestProxy_CutRefusesAndComesBack(t *testing.T) {
	t.Parallel()
	p := testproxy.New(t, echo(t))
	c := dial(t, p.Addr())
	if _, err := ask(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	p.Set(t, testproxy.Faults{Cut: true})
	if _, err := ask(c, 5*time.Second); err == nil {
		t.Error("a connection outlived the cut")
	}
	if _, err := net.Dial("tcp", p.Addr()); err == nil {
		t.Error("a new connection is taken")
	}
	p.Set(t, testproxy.Faults{})
	if _, err := ask(dial(t, p.Addr()), 5*time.Second); err != nil {
		t.Errorf("afterwards %v", err)
	}
}

// TestProxy_KeepsItsPort: while it is cut, no outgoing connection gets its port, nor another proxy.
func TestProxy_KeepsItsPort(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 300 {
		p := testproxy.New(t, "127.0.0.1:1")
		p.Set(t, testproxy.Faults{Cut: true})
		_, text, err := net.SplitHostPort(p.Addr())
		if err != nil {
			t.Fatal(err)
		}
		if port, err := strconv.Atoi(text); err != nil || port < 10000 || port >= 15000 || seen[text] {
			t.Errorf("port %s", text)
		}
		seen[text] = true
	}
}

func TestProxy_ResetInMidAnswer(t *testing.T) {
	t.Parallel()
	p := testproxy.New(t, echo(t))
	p.Set(t, testproxy.Faults{ResetAfter: 8})
	c := dial(t, p.Addr())
	if _, err := ask(c, 5*time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := ask(c, 5*time.Second); err == nil {
		t.Error("the second answer came whole")
	}
}
