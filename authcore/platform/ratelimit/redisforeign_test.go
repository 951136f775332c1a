package ratelimit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/ratelimit"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// oddNumbers are what no node writes.
var oddNumbers = []any{"nan", "-nan", "inf", "-inf", "9e18", "-9e18", "9223372036854775807", "1e300", "0x7fffffffffffffff", "x", "", "1.5"}

// otherTypes put a value of every type but one in the place of a key.
func otherTypes(s *testredis.Server, but string) map[string]func(key any) {
	all := map[string]func(key any){}
	for kind, command := range map[string][]any{
		"string": {"SET", "x"}, "list": {"LPUSH", "x"}, "set": {"SADD", "x"}, "hash": {"HSET", "x", "y"}, "zset": {"ZADD", "1", "x"},
		"stream": {"XADD", "*", "x", "y"},
	} {
		if kind == but {
			continue
		}
		all[kind] = func(key any) { // at once: the nodes write there, too
			const replace = "redis.call('DEL', KEYS[1]) return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))"
			s.Do(append([]any{"EVAL", replace, 1, key}, command...)...)
		}
	}
	return all
}

// only is the one key of a kind.
func only(t *testing.T, s *testredis.Server, at redislink.Config, kind string) any {
	t.Helper()
	keys, _ := s.Do("KEYS", at.Prefix+kind+"*").([]any)
	if len(keys) != 1 {
		t.Fatalf("%d keys of %s, want 1", len(keys), kind)
	}
	return keys[0]
}

// healed checks that a key is the nodes' own again, that it expires, and that nothing was taken for an outage.
func healed(t *testing.T, s *testredis.Server, p *peer, key any, what string) {
	t.Helper()
	if ttl, _ := s.Do("PTTL", key).(int64); ttl == -1 || ttl > (3*time.Hour).Milliseconds() {
		t.Errorf("%s: the key lives %d ms", what, ttl)
	}
	if p.Away() || p.log.count("state=away") > 0 {
		t.Fatalf("%s was taken for an outage", what)
	}
}

// TestF03_ForeignLimits: whatever stands where a limit is counted is counted on after one question: a node knows what it
// was told before, and beyond that nothing holds anybody back for longer than a window.
func TestF03_ForeignLimits(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	p, fresh := newRedis(t, at, ratelimit.RedisConfig{Limit: patience}, rated(3, time.Hour)), newRedis(t, at, ratelimit.RedisConfig{Limit: patience}, rated(3, time.Hour))
	try := func(what string, change func(key any), mostWait time.Duration) {
		t.Helper()
		s.Flush()
		name := "limit " + what
		if got := p.allowed(t, 2, login(name)); got != 2 {
			t.Fatalf("%s: %d of 2 were allowed", what, got)
		}
		key := only(t, s, at, "limit:")
		change(key)
		if wait := fresh.take(t, login(name)); wait > mostWait {
			t.Errorf("%s: a node that does not know the key waits %s", what, wait)
		}
		healed(t, s, fresh, key, what)
		if got := p.allowed(t, 9, login(name)); got > 1 {
			t.Errorf("%s: after 2 of 3 a node that knows them allows %d", what, got)
		}
		change(key)
		if err := p.Refund(t.Context(), login(name)); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		healed(t, s, p, key, what)
	}
	for kind, change := range otherTypes(s, "string") {
		try(kind, change, 0)
	}
	for _, text := range oddNumbers {
		try(fmt.Sprintf("%q", text), func(key any) { s.Do("SET", key, text) }, 20*time.Minute) // one interval, as where it was full
	}
}

// TestF03_ForeignNodes: who is no node is forgotten like one that is silent, and what is no list of nodes becomes one.
func TestF03_ForeignNodes(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	p := peers(t, 1, at, rated(3, time.Hour))[0]
	key := at.Prefix + "nodes"
	for kind, change := range otherTypes(s, "zset") {
		s.Do("DEL", key)
		change(key)
		eventually(t, patience, "the node is in the list again after a "+kind, func() bool { return s.Do("TYPE", key) == "zset" })
		healed(t, s, p, key, kind)
	}
	args := []any{"ZADD", key}
	for i := range 1000 {
		args = append(args, []string{"9e18", "inf", "-inf", "1e300", "-1"}[i%5], fmt.Sprint("x", i))
	}
	s.Do(args...)
	eventually(t, patience, "a thousand others are gone", func() bool { return s.Do("ZCARD", key) == int64(1) && p.Nodes() == 1 })
	healed(t, s, p, key, "foreign nodes")
}

// TestRedis_KeysAreMACs: who reads Redis cannot tell whose a key is by trying all addresses: the same ones have other keys
// under another secret.
func TestRedis_KeysAreMACs(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	at := prefixed(s)
	seen := map[any]string{}
	for _, label := range []string{"one", "another"} {
		key := macKey(t, label)
		secretKey := func() secret.MACKey { return key }
		p := newRedis(t, at, ratelimit.RedisConfig{Limit: patience, Key: secretKey}, rated(5, time.Hour))
		p.take(t, login("192.0.2.77"), mail("bob@example.com"))
		keys, _ := s.Do("KEYS", at.Prefix+"*").([]any)
		if len(keys) != 2 {
			t.Errorf("%d keys, want 2", len(keys))
		}
		for _, k := range keys {
			if before, known := seen[k]; known {
				t.Errorf("the key %s is the same under the secrets %s and %s", k, before, label)
			}
			seen[k] = label
		}
		s.Flush()
	}
}
