package redisfeed_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/redislink"
	"github.com/gatehouse-auth/gatehouse/authcore/secret"
)

// listener is a feed's view whose clock, database and messages a test makes up. Moments are seconds since it began.
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
func (l *listener) Missed()                      { l.missed++ }
func (l *listener) Stored() time.Time            { return l.at(l.stored) }

func (l *listener) at(seconds float64) time.Time {
	return l.began.Add(time.Duration(seconds * float64(time.Second)))
}

func listen(t *testing.T) *listener {
	t.Helper()
	link, err := redislink.New(redislink.Config{Addrs: []string{"127.0.0.1:1"}, Prefix: "test:"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = link.Close() })
	l := &listener{began: time.Now()}
	l.Feed, err = redisfeed.New(redisfeed.Config{Link: link, Key: func() secret.MACKey { return clusterKey }, View: l,
		Logger: slog.New(slog.NewTextHandler(&l.logs, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

const stream = "test:" + redisfeed.Stream

// beat takes in a heartbeat of another node and returns it.
func (l *listener) beat(node uuid.UUID, number uint64, at float64) []byte {
	entry := redisfeed.Seal(clusterKey, stream, node, number, l.at(at))
	l.Take(entry, l.at(at))
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

// TestPeers_SilentOne: up to where it was heard, the view is confirmed, and no further.
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
		l.Take(first, l.at(2.5+float64(i))) // anybody can send these again
		l.Take(second, l.at(2.6+float64(i)))
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

// TestPeers_Farewell: who has stopped is not waited for, until it speaks again.
func TestPeers_Farewell(t *testing.T) {
	t.Parallel()
	l := listen(t)
	a := uuid.New()
	l.beat(a, 1, 0)
	l.Beat(l.at(1))
	last := redisfeed.Farewell(clusterKey, stream, a, 2)
	l.Take(last, l.at(1.5))
	l.Beat(l.at(20))
	l.want(t, "a has stopped", 20)
	l.wantNodes(t, "a has stopped", 0, 0)
	l.beat(a, 3, 21)
	l.Take(last, l.at(22))
	l.Beat(l.at(30))
	l.want(t, "a speaks again", 21)
	if again, n, ok := redisfeed.Reseal(clusterKey, stream, last); !ok || n != 0 || !bytes.Equal(again, last) ||
		len(last) != len(redisfeed.Seal(clusterKey, stream, a, 2, l.at(1))) || last[0] != 1 {
		t.Error("the farewell is no heartbeat to a node that does not know it")
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
	l.Take(redisfeed.Farewell(clusterKey, stream, stopped, 2), l.at(1))
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
