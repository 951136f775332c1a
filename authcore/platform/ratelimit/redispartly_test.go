package ratelimit_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/soak"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

const (
	sayAway = "counted by this node alone"
	sayUp   = "together with the other nodes"
)

// patient is a node for which no answer comes too late, however busy the machine.
func patient(t *testing.T, at redislink.Config, of ratelimit.Config) *peer {
	t.Helper()
	p := join(t, at, ratelimit.RedisConfig{Limit: patience}, of)
	p.take(t, authcore.Limit{Name: authcore.LimitVerify, Key: "first"})
	return p
}

// TestF01_OneMasterOfAClusterFrozen: the keys of a third of all callers lie where nothing is answered. The first of them
// waits, and nobody after that, until that server answers again.
func TestF01_OneMasterOfAClusterFrozen(t *testing.T) {
	t.Parallel()
	servers := testredis.Cluster(t, 3)
	for i, frozen := range servers {
		// The nodes' own key lies on one of them.
		t.Run(strconv.Itoa(i), func(t *testing.T) { frozenMaster(t, frozen, servers) })
	}
}

func frozenMaster(t *testing.T, frozen *testredis.Server, servers []*testredis.Server) {
	t.Helper()
	const limit = time.Second
	p := join(t, prefixed(servers...), ratelimit.RedisConfig{Limit: limit}, rated(1000, time.Hour))
	for i := range 50 { // so that there are connections to all
		p.take(t, login(strconv.Itoa(i)))
	}
	eventually(t, patience, "it counts with the others", func() bool { return !p.Away() && p.log.count(sayAway) == p.log.count(sayUp) })
	before := p.log.count(sayAway)
	frozen.Freeze()
	asked, waited, tick := soak.N(100, 1500), 0, time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for i := range asked {
		since := time.Now()
		p.take(t, login(strconv.Itoa(i%50)))
		if time.Since(since) >= limit {
			waited++
		}
		<-tick.C
	}
	// One waits for the limit. If the node went on asking, those of the frozen third would; a busy machine makes a few.
	if waited == 0 || waited > asked/10 {
		t.Errorf("%d of %d questions wait while a master is frozen", waited, asked)
	}
	eventually(t, patience, "the log tells", func() bool { return p.log.count(sayAway) > before })
	if down, up := p.log.count(sayAway)-before, p.log.count(sayUp)-before; down != 1 || up != 0 || !p.Away() {
		t.Errorf("the log tells %d times of the outage and %d times of its end; away: %t", down, up, p.Away())
	}
	frozen.Thaw()
	// A master that its peers took for failed keeps still for a while when it comes back.
	eventually(t, patience, "it counts with the others again", func() bool { return !p.Away() })
	settled(t, []*peer{p})
	p.stop() // whatever it had to tell is told
	if down, up := p.log.count(sayAway)-before, p.log.count(sayUp)-before; down != up || down > 3 {
		t.Errorf("the log tells %d times of the outage and %d times of its end", down, up)
	}
}

// TestRedis_OneRightMissing: of a user that may not do all, the log says so once, and the node counts alone until the right
// is given, whichever it is.
func TestRedis_OneRightMissing(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	rights := strings.Fields("+eval +evalsha +time +get +set +del +pexpire +zadd +zcard +zremrangebyscore")
	for _, missing := range rights {
		t.Run(missing, func(t *testing.T) {
			at := prefixed(s)
			at.User, at.Password = "without"+missing, secret.FromString("a password")
			rules := []any{"ACL", "SETUSER", at.User, "on", ">a password", "~test:*"}
			for _, right := range rights {
				if right != missing {
					rules = append(rules, right)
				}
			}
			s.Do(rules...)
			s.Do("SCRIPT", "FLUSH")
			p := join(t, at, ratelimit.RedisConfig{Limit: patience}, rated(1000, time.Hour))
			span, tick := soak.For(300*time.Millisecond, 5*time.Second), time.NewTicker(5*time.Millisecond)
			defer tick.Stop()
			signIn := func() {
				limit := login("a")
				p.take(t, limit)
				_ = p.Refund(t.Context(), limit)
			}
			for began := time.Now(); time.Since(began) < span; <-tick.C {
				signIn()
			}
			eventually(t, patience, "the log says so", func() bool { return p.log.count(sayAway) > 0 })
			if down, up := p.log.count(sayAway), p.log.count(sayUp); down != 1 || up != 0 || !p.Away() {
				t.Errorf("the log tells %d times of the outage and %d times of its end; away: %t", down, up, p.Away())
			}
			s.Do("ACL", "SETUSER", at.User, missing)
			eventually(t, 5*time.Second, "it counts with the others again", func() bool { return !p.Away() && p.log.count(sayUp) == 1 })
			signIn()
			if p.Away() {
				t.Error("away again with all rights")
			}
		})
	}
}

// TestRedis_OthersValuesInItsPlace: what somebody else put where a counter belongs is overwritten and silences nothing.
func TestRedis_OthersValuesInItsPlace(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	p := patient(t, prefixed(s), rated(2, time.Hour))
	p.take(t, login("a"))
	var keys []any
	eventually(t, patience, "the nodes and a limit are there", func() bool {
		keys, _ = s.Do("KEYS", "*").([]any)
		return len(keys) == 3
	})
	for _, kind := range [][]any{{"LPUSH", "x"}, {"SET", "junk"}, {"HSET", "f:x", "junk"}} {
		for _, key := range keys {
			s.Do("DEL", key)
			s.Do(append([]any{kind[0], key}, kind[1:]...)...)
		}
		p.take(t, login("a"))
		if err := p.Refund(t.Context(), login("a")); err != nil {
			t.Error(err)
		}
		eventually(t, patience, "the nodes are counted", func() bool { return s.Do("TYPE", keyOf(keys, "nodes")) == "zset" })
	}
	if p.log.count(sayAway) != 0 || p.Away() || p.allowed(t, 9, login("a")) > 1 {
		t.Errorf("the log: %s", p.log.buf.String())
	}
	if _, err := p.Take(t.Context(), authcore.Limit{Name: authcore.LimitMail, Key: "bob@example.com"}); err != nil {
		t.Error(err)
	}
}

func keyOf(keys []any, suffix string) string {
	for _, key := range keys {
		if text, _ := key.(string); strings.HasSuffix(text, suffix) {
			return text
		}
	}
	return ""
}

// TestRedis_LostAgainAndAgain: a fault that looking for Redis does not find is met seldom, such as that of a user who may
// touch some keys and not others.
func TestRedis_LostAgainAndAgain(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{Rules: "~*:nodes ~*:probe ~*:verify +@all"})
	at := prefixed(s)
	at.User, at.Password = "gatehouse", secret.FromString(s.Password())
	p := patient(t, at, rated(1000, time.Hour))
	span, tick := soak.For(2*time.Second, 20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); time.Since(began) < span; <-tick.C {
		p.take(t, login("a"))
	}
	// At first it is looked for at once, then after half a second, one, two, and two each time.
	if down, most := p.log.count(sayAway), 4+int(span/(2*time.Second)); down < 2 || down > most {
		t.Errorf("the log tells %d times of an outage in %s, want 2 to %d", down, span, most)
	}
}
