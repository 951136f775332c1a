package redisfeed_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// listener is a feed's snapshot whose clock, database and messages a test makes up. Moments are seconds since it began, and the
// clock of all nodes is an hour ahead.
type listener struct {
	*redisfeed.Feed
	began     time.Time
	confirmed time.Time
	missed    int
	stored    float64
	logs      bytes.Buffer
}

func (l *listener) Apply(...authcore.Revocation) {}
func (l *listener) Confirm(asOf time.Time)       { l.confirmed = asOf }
func (l *listener) ReportGap()                   { l.missed++ }
func (l *listener) Stored() time.Time            { return l.at(l.stored) }

func (l *listener) at(seconds float64) time.Time {
	return l.began.Add(time.Duration(seconds * float64(time.Second)))
}

func listen(t *testing.T) *listener {
	t.Helper()
	return listenAt(t, "127.0.0.1:1")
}

// listenAt has a Redis, too.
func listenAt(t *testing.T, addr string) *listener {
	t.Helper()
	link, err := redislink.New(redislink.Config{Addrs: []string{addr}, Prefix: "test:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = link.Close() })
	l := &listener{began: time.Now()}
	l.Feed, err = redisfeed.New(redisfeed.Config{Link: link, Key: func() secret.MACKey { return clusterKey }, Snapshot: l,
		Logger: slog.New(slog.NewTextHandler(&l.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const stream = "test:" + redisfeed.Stream

// take takes in an entry at a moment.
func (l *listener) take(entry []byte, at float64) { l.Take(entry, l.at(at), time.Hour) }

// seal returns a heartbeat that another node sent at a moment.
func (l *listener) seal(node uuid.UUID, number uint64, at float64) []byte {
	return redisfeed.Seal(clusterKey, stream, node, number, l.at(at).Add(time.Hour))
}

// beat takes in a heartbeat of another node and returns it.
func (l *listener) beat(node uuid.UUID, number uint64, at float64) []byte {
	entry := l.seal(node, number, at)
	l.take(entry, at)
	return entry
}

func (l *listener) want(t *testing.T, when string, at float64) {
	t.Helper()
	if !l.confirmed.Equal(l.at(at)) {
		t.Errorf("%s: confirmed up to %s, want %gs", when, l.confirmed.Sub(l.began), at)
	}
}

func (l *listener) wantNodes(t *testing.T, when string, heard, silent int) {
	t.Helper()
	if n := l.Nodes(); n.Heard != heard || n.Silent != silent {
		t.Errorf("%s: %+v, want %d heard and %d silent", when, n, heard, silent)
	}
}

// TestPeers_SilentOne: up to where it was heard, the snapshot is confirmed, and no further.
func TestPeers_SilentOne(t *testing.T) {
	t.Parallel()
	l := listen(t)
	a, b := uuid.New(), uuid.New()
	l.Beat(l.at(0))
	l.want(t, "alone", 0)
	first := l.beat(a, 1, 0.3)
	l.beat(b, 1, 0.4)
	l.Beat(l.at(1))
	l.want(t, "both were heard since", 0.3)
	l.wantNodes(t, "both speak", 2, 0)
	second := l.beat(a, 2, 1.3)
	l.want(t, "the second of a", 0.4)
	l.beat(b, 2, 1.4)
	l.want(t, "the second of b", 1)
	for i := range 10 {
		l.Beat(l.at(2 + float64(i)))
		l.beat(b, 3+uint64(i), 2.4+float64(i))
		l.take(first, 2.5+float64(i)) // anybody can send these again
		l.take(second, 2.6+float64(i))
	}
	l.want(t, "a is silent", 1.3)
	l.wantNodes(t, "a is silent", 1, 1)
	if n := strings.Count(l.logs.String(), "component=redis_feed_nodes"); n != 1 || !strings.Contains(l.logs.String(), "state=silent") {
		t.Errorf("of the silence there is told:\n%s", &l.logs)
	}
	gaps := l.missed
	l.beat(a, 3, 12)
	l.Beat(l.at(12.1))
	l.want(t, "a is heard again", 11.4)
	if l.missed != gaps || strings.Count(l.logs.String(), "state=complete") != 1 || strings.Count(l.logs.String(), "component=redis_feed_nodes") != 2 {
		t.Errorf("%d gaps, want %d; told:\n%s", l.missed, gaps, &l.logs)
	}
}

// TestPeers_Goodbye: who has stopped is not waited for, until it speaks again.
func TestPeers_Goodbye(t *testing.T) {
	t.Parallel()
	l := listen(t)
	a := uuid.New()
	l.beat(a, 1, 0)
	l.Beat(l.at(1))
	last := redisfeed.Goodbye(clusterKey, stream, a, 2)
	l.take(last, 1.5)
	l.Beat(l.at(20))
	l.want(t, "a has stopped", 20)
	l.wantNodes(t, "a has stopped", 0, 0)
	l.beat(a, 3, 21)
	l.take(last, 22)
	l.Beat(l.at(30))
	l.want(t, "a speaks again", 21)
	if again, n, ok := redisfeed.Reseal(clusterKey, stream, last); !ok || n != 0 || !bytes.Equal(again, last) ||
		len(last) != len(l.seal(a, 2, 1)) || last[0] != 1 {
		t.Error("the goodbye is no heartbeat to a node that does not know it")
	}
}

// TestPeers_AreForgotten: one that fell silent a quarter of an hour ago, once the database has been read so much later; one
// that stopped then.
func TestPeers_AreForgotten(t *testing.T) {
	t.Parallel()
	l := listen(t)
	silent, stopped := uuid.New(), uuid.New()
	l.beat(silent, 1, 0)
	l.beat(stopped, 1, 0)
	l.take(redisfeed.Goodbye(clusterKey, stream, stopped, 2), 1)
	const quarter = 15 * 60
	l.stored = 60
	l.Beat(l.at(2 * quarter))
	l.want(t, "the database was not read since", 0)
	if n := l.Peers(); n != 1 {
		t.Errorf("%d are remembered", n)
	}
	l.stored = quarter - 1
	l.Beat(l.at(3 * quarter))
	l.want(t, "the database was read too early", 0)
	l.stored = quarter + 1
	l.Beat(l.at(4 * quarter))
	l.want(t, "the database was read", 4*quarter)
	if n := l.Peers(); n != 0 {
		t.Errorf("%d are remembered", n)
	}
}

// TestPeers_HeldBack: what a node said is no newer for coming late. Neither does the snapshot count as confirmed while our own
// heartbeats come at once, nor is the node forgotten that speaks so, however often the database is read.
func TestPeers_HeldBack(t *testing.T) {
	t.Parallel()
	l := listen(t)
	a := uuid.New()
	said := func(i int) float64 { return 0.5 * float64(i) }
	l.beat(a, 1, said(0))
	l.Beat(l.at(1))
	gaps := l.missed
	for i := 1; i < 120; i++ { // a minute of its life in two hours
		at := 60 * float64(i)
		l.stored = at
		l.take(l.seal(a, uint64(i+1), said(i)), at)
		l.Beat(l.at(at + 0.5))
		if late := l.confirmed.Sub(l.at(said(i))); late > 3*time.Second {
			t.Fatalf("after %gs: confirmed up to %s after what it said last", at, late)
		}
	}
	for i := range 4 {
		l.Beat(l.at(60*119 + 1.5 + float64(i)))
	}
	l.wantNodes(t, "a is late", 0, 1)
	if l.missed != gaps {
		t.Errorf("%d gaps", l.missed-gaps)
	}
	now := 7200.0
	l.take(l.seal(a, 121, now-2), now) // clocks are not quite the same
	l.Beat(l.at(now + 0.5))
	l.want(t, "a is in time again", now)
	l.wantNodes(t, "a is in time again", 1, 0)
	l.take(l.seal(a, 122, now+60), now+1) // a clock that is ahead proves nothing
	l.Beat(l.at(now + 2))
	l.want(t, "a is ahead", now+1)
}

// TestPeers_LongGone: who sends what a node said that is long gone brings none back to be waited for.
func TestPeers_LongGone(t *testing.T) {
	t.Parallel()
	l := listen(t)
	a := uuid.New()
	first, second := l.beat(a, 1, 0), l.seal(a, 9, 1)
	now := 31 * 60.0
	l.stored = now
	l.Beat(l.at(now))
	l.want(t, "a is forgotten", now)
	gaps := l.missed
	l.take(first, now+1)
	l.take(second, now+2)
	l.Beat(l.at(now + 10))
	l.want(t, "its words are sent again", now+10)
	l.wantNodes(t, "its words are sent again", 0, 0)
	if l.Peers() != 0 || l.missed != gaps {
		t.Errorf("%d are remembered, %d gaps", l.Peers(), l.missed-gaps)
	}
	l.take(l.seal(a, 10, now+10), now+11)
	if l.Peers() != 1 || l.missed != gaps+1 {
		t.Errorf("it speaks again: %d are remembered, %d gaps", l.Peers(), l.missed-gaps)
	}
}

// TestPeers_Backlog: what is read late is no newer than the reading that found the stream empty before, page after page.
func TestPeers_Backlog(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	l := listenAt(t, s.Addr())
	a, number := uuid.New(), uint64(0)
	say := func(times int) {
		for range times {
			number++
			forge(s, string(redisfeed.Seal(clusterKey, stream, a, number, time.Now())))
		}
	}
	receive := func(place string) {
		t.Helper()
		if err := l.Receive(t.Context(), place, l.at(-60)); err != nil {
			t.Fatal(err)
		}
	}
	confirmed := func(when string) {
		t.Helper()
		l.Confirmed()
		l.want(t, when, -60)
	}
	say(2*64 + 1)
	receive("0-0")
	confirmed("a page")
	receive("")
	confirmed("a second page")
	receive("")
	confirmed("the rest")
	say(1)
	receive("")
	if l.Confirmed(); l.confirmed.Before(l.began) {
		t.Errorf("after the backlog: confirmed up to %s", l.confirmed.Sub(l.began))
	}
}
