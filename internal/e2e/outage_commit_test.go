package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
)

// commitCutter stands before Postgres and understands its protocol. While it is on, an answer that tells of a commit does
// not arrive: the connection is reset instead.
type commitCutter struct {
	on       atomic.Bool
	cut      atomic.Int64
	target   string
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
}

// cutterBefore starts a cutter and returns it and the URL of the database behind it.
func cutterBefore(t testing.TB, database string) (*commitCutter, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &commitCutter{target: u.Host, listener: l}
	u.Host = l.Addr().String()
	go c.accept()
	t.Cleanup(func() {
		_ = l.Close()
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, conn := range c.conns {
			_ = conn.Close()
		}
	})
	return c, u.String()
}

func (c *commitCutter) accept() {
	for {
		client, err := c.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", c.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		c.mu.Lock()
		c.conns = append(c.conns, client, server)
		c.mu.Unlock()
		go func() {
			_, _ = io.Copy(server, client)
			_ = server.Close()
		}()
		go func() {
			c.answers(client, server)
			_ = client.Close()
			_ = server.Close()
		}()
	}
}

// answers carries what the server says. Once signed in, it carries an answer as a whole, up to ReadyForQuery.
func (c *commitCutter) answers(client io.Writer, server io.Reader) {
	r := bufio.NewReader(server)
	var whole []byte
	started, status, wrote := false, byte('I'), false
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(r, head); err != nil {
			return
		}
		message := make([]byte, 5+int(binary.BigEndian.Uint32(head[1:]))-4)
		copy(message, head)
		if _, err := io.ReadFull(r, message[5:]); err != nil {
			return
		}
		whole = append(whole, message...)
		if message[0] == 'C' { // CommandComplete
			tag := string(message[5 : len(message)-1])
			changes := strings.HasPrefix(tag, "UPDATE ") || strings.HasPrefix(tag, "INSERT ") || strings.HasPrefix(tag, "DELETE ")
			wrote = wrote || tag == "COMMIT" || status == 'I' && changes && !strings.HasSuffix(tag, " 0")
		}
		if message[0] == 'Z' { // ReadyForQuery
			if wrote && c.on.Load() {
				c.cut.Add(1)
				return
			}
			started, status, wrote = true, message[5], false
		}
		if !started || message[0] == 'Z' {
			if _, err := client.Write(whole); err != nil {
				return
			}
			whole = whole[:0]
		}
	}
}

// TestF09_CommitUnknown: the database carries out what its answer never tells of. Whoever tries again gets the same result:
// the one successor, the one end of a session, an address that is proven.
func TestF09_CommitUnknown(t *testing.T) {
	t.Parallel()
	server := testpg.New(t, testpg.Options{})
	cutter, through := cutterBefore(t, server.Database(t))
	s := newSceneOn(t, server, through, "")
	unanswered := func(c call) {
		t.Helper()
		before := cutter.cut.Load()
		cutter.on.Store(true)
		a := s.a.do(t, c)
		cutter.on.Store(false)
		if a.status != 503 || a.header.Get("Retry-After") == "" || len(a.setCookies(t)) > 0 {
			t.Errorf("%s: %d %.200s, Retry-After %q", c.path, a.status, a.body, a.header.Get("Retry-After"))
		}
		if cutter.cut.Load() == before {
			t.Errorf("%s: no commit was cut off", c.path)
		}
	}
	for round := range soak.N(2, 20) {
		e := s.errand()
		refresh := call{method: "POST", path: "/auth/refresh", body: object{"refresh_token": e.turner.refresh}}
		unanswered(refresh)
		first, second := s.b.do(t, refresh).must(t, 200, ""), s.a.do(t, refresh).must(t, 200, "")
		if first.text("refresh_token") != second.text("refresh_token") {
			t.Errorf("round %d: two successors of one token", round)
		}
		e.turner.take(t, first)
		s.b.do(t, call{path: "/x", bearer: e.turner.access}).want(t, 200, "")

		leave := call{method: "POST", path: "/auth/logout", bearer: e.leaver.access}
		unanswered(leave)
		if n := s.a.count(t, "select count(*) from sessions where revoked_at is null and id = '"+e.leaver.sid+"'"); n != 0 {
			t.Errorf("round %d: the session lives", round)
		}
		for _, g := range []*gateway{s.a, s.b} { // although nobody was told
			if took := g.refusedAfter(t, e.leaver.access, time.Now()); took > 5*time.Second {
				t.Errorf("round %d: a session that has ended passed for %s", round, took)
			}
		}
		if a := s.b.do(t, leave); a.status != 204 && a.status != 401 {
			t.Errorf("round %d: signing out again: %d %s", round, a.status, a.code())
		}

		// Its attempt is noted first: what was cut off may be that, and the code is still good; or the proof itself.
		verify := call{method: "POST", path: "/auth/verify", body: object{"email": e.email, "otp": e.code, "registration": e.proof}}
		unanswered(verify)
		if a := s.b.do(t, verify); a.status != 200 && a.code() != "invalid_code" {
			t.Errorf("round %d: proving the address again: %d %s", round, a.status, a.code())
		}
		s.b.signIn(t, &user{email: e.email, password: password}, false) // the account is there, once
	}
	if n := s.a.count(t, "select count(*) from events where kind = 'session.refresh_replayed'"); n != 0 {
		t.Errorf("%d refreshes were taken for theft", n)
	}
}
