package redisfeed_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redisfeed"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// TestSender_NewestSpeaks: of several the newest has its turn, and when it goes the one before goes on.
func TestSender_NewestSpeaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := redisfeed.NewSender(uuid.New())
		var mu sync.Mutex
		var speaking, turns []string
		begin := func(name string) (end func()) {
			ctx, cancel := context.WithCancel(t.Context())
			go s.InTurn(ctx, func(ctx context.Context) {
				mu.Lock()
				speaking, turns = append(speaking, name), append(turns, name)
				mu.Unlock()
				<-ctx.Done()
				time.Sleep(time.Second) // it has something left to send
				mu.Lock()
				speaking = slices.DeleteFunc(speaking, func(o string) bool { return o == name })
				mu.Unlock()
			})
			return cancel
		}
		want := func(when string, speaks []string, heard ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(speaking, speaks) || !slices.Equal(turns, heard) {
				t.Errorf("%s: %v speak, of %v", when, speaking, turns)
			}
		}
		endA := begin("a")
		want("a alone", []string{"a"}, "a")
		endB := begin("b")
		want("a has something left", []string{"a"}, "a")
		time.Sleep(time.Second)
		want("b has come", []string{"b"}, "a", "b")
		endB()
		time.Sleep(time.Second)
		want("b has gone", []string{"a"}, "a", "b", "a")
		endC := begin("c")
		time.Sleep(time.Second)
		endA()
		want("a goes out of turn", []string{"c"}, "a", "b", "a", "c")
		endC()
		time.Sleep(time.Second)
		want("all have gone", nil, "a", "b", "a", "c")
	})
}

// TestSender_OtherSettings: with other settings for Redis a node stays who it is. The others lose nothing of what it says,
// wait for nobody, and look for what it may have revoked while it had no feed.
func TestSender_OtherSettings(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	cfg := redislink.Config{Addrs: []string{s.Addr()}, Prefix: "test:"}
	listener := join(t, cfg, clusterKey, nothing)
	sender, n := redisfeed.NewSender(uuid.New()), join(t, cfg, clusterKey, nothing)
	carries(t, n, listener)
	n.stop()
	eventually(t, "the node has left", func() bool {
		_, fed := listener.staleness.FeedAge()
		return fed && listener.feed.Nodes() == redisfeed.Nodes{}
	})
	another := func() (f *redisfeed.Feed, end func()) {
		link, err := redislink.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		f, err = redisfeed.New(redisfeed.Config{Link: link, Sender: sender, Key: func() secret.MACKey { return clusterKey }, Snapshot: n,
			Ending: func() bool { return false }, Logger: slog.New(slog.DiscardHandler), Clock: common})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		var run sync.WaitGroup
		run.Go(func() { f.Run(ctx) })
		end = sync.OnceFunc(func() { cancel(); run.Wait(); _ = link.Close() })
		t.Cleanup(end)
		return f, end
	}
	said := func(when string, f *redisfeed.Feed) {
		t.Helper()
		victim := authcore.Revocation{SessionID: uuid.New(), Until: time.Now().Add(time.Hour)}
		f.Publish(victim)
		eventually(t, when, func() bool { return listener.set.Check(victim.SessionID, uuid.Nil, 0, 0) == authcore.Revoked })
	}
	first, endFirst := another()
	said("by the first", first)
	second, endSecond := another()
	said("by the second", second)
	gaps := listener.counts[redisfeed.Gap].Load()
	endSecond()
	said("by the first again", first)
	if n := listener.counts[redisfeed.Gap].Load(); n != gaps {
		t.Errorf("%d gaps, %d before: one number follows the other", n, gaps)
	}
	endFirst()
	third, _ := another()
	said("by the third", third)
	if n := listener.counts[redisfeed.Gap].Load(); n != gaps+1 {
		t.Errorf("%d gaps, %d before: what was revoked in between is to be looked for", n, gaps)
	}
	eventually(t, "the snapshot counts as confirmed", func() bool { age, fed := listener.staleness.FeedAge(); return fed && age < 2*time.Second })
	if nodes := listener.feed.Nodes(); nodes != (redisfeed.Nodes{Heard: 1}) {
		t.Errorf("the others see %+v", nodes)
	}
}

// TestFeed_HeartbeatsOfTheDeaf: a node that may write and not read remembers no more heartbeats than may come back.
func TestFeed_HeartbeatsOfTheDeaf(t *testing.T) {
	t.Parallel()
	l := listen(t)
	for i := range 100 {
		l.Expect(l.at(float64(i)))
	}
	if n := l.Beats(); n > 10 {
		t.Errorf("%d are remembered", n)
	}
}
