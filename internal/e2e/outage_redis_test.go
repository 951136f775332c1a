package e2e

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testproxy"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

func redisLink(f testproxy.Faults) func(*scene) {
	return func(s *scene) { links(s.t, f, s.aRedis, s.bRedis) }
}

// redisOutages: without Redis everything goes on but what has to be counted by all nodes before it is sent.
var redisOutages = []outage{
	{name: "Redis is killed and comes back empty", writes: true, empties: true,
		breaks: func(s *scene) { s.redis.Kill() }, mends: func(s *scene) { s.redis.Start() }},
	{name: "Redis is frozen", writes: true,
		breaks: func(s *scene) { s.redis.Freeze() }, mends: func(s *scene) { s.redis.Thaw() }},
	{name: "Redis refuses connections", writes: true,
		breaks: redisLink(testproxy.Faults{Cut: true}), mends: redisLink(testproxy.Faults{})},
	{name: "Redis is behind a black hole", writes: true,
		breaks: redisLink(testproxy.Faults{Stalled: true}), mends: redisLink(testproxy.Faults{})},
	{name: "Redis is half a second away", writes: true,
		breaks: redisLink(testproxy.Faults{Delay: 500 * time.Millisecond}), mends: redisLink(testproxy.Faults{})},
	{name: "Redis answers a kilobyte a second", writes: true, sends: true, unsure: true,
		breaks: redisLink(testproxy.Faults{BytesPerSecond: 1 << 10}), mends: redisLink(testproxy.Faults{})},
	{name: "Redis resets connections in mid-answer", writes: true,
		breaks: func(s *scene) {
			redisLink(testproxy.Faults{ResetAfter: 20})(s)
			s.aRedis.Drop()
			s.bRedis.Drop()
		}, mends: redisLink(testproxy.Faults{})},
	{name: "Redis is full", writes: true,
		breaks: func(s *scene) {
			s.redis.Do("CONFIG", "SET", "maxmemory-policy", "noeviction")
			s.redis.Do("CONFIG", "SET", "maxmemory", "1")
		}, mends: roomy},
	{name: "Redis fails over to a replica without the last writes", writes: true, sends: true, unsure: true, loosens: 1, empties: true,
		breaks: failOver, mends: func(*scene) {}},
	{name: "Redis is emptied", writes: true, sends: true, unsure: true, loosens: 1, empties: true,
		breaks: func(s *scene) { s.redis.Flush() }, mends: func(s *scene) { s.redis.Flush() }},
	{name: "Redis evicts everything", writes: true, sends: true, unsure: true, loosens: outageLimit, empties: true,
		breaks: func(s *scene) {
			s.redis.Do("CONFIG", "SET", "maxmemory-policy", "allkeys-random")
			s.redis.Do("CONFIG", "SET", "maxmemory", "1")
		}, mends: roomy},
}

func roomy(s *scene) { s.redis.Do("CONFIG", "SET", "maxmemory", "0") }

// failOver puts in the master's place what a replica knew that was cut off before the last writes.
func failOver(s *scene) {
	host, port, _ := strings.Cut(s.redis.Addr(), ":")
	replica := testredis.New(s.t, testredis.Options{Settings: map[string]string{
		"replicaof": host + " " + port, "masteruser": "tester", "masterauth": s.redis.Password(),
		"repl-diskless-sync-delay": "0"}})
	s.redis.Do("CONFIG", "SET", "repl-diskless-sync-delay", "0")
	linked := func(r *testredis.Server) func() bool {
		return func() bool {
			info, _ := r.Do("INFO", "replication").(string)
			return strings.Contains(info, "master_link_status:up")
		}
	}
	eventually(s.t, "the replica follows", linked(replica))
	replica.Do("REPLICAOF", "NO", "ONE")
	for sid := range s.sessions(s.t, s.live, 3) { // the last writes
		s.a.endSession(s.t, s.live, sid)
	}
	s.redis.Kill()
	s.redis.Start()
	host, port, _ = strings.Cut(replica.Addr(), ":")
	number, err := strconv.Atoi(port)
	if err != nil {
		s.t.Fatal(err)
	}
	s.redis.Do("REPLICAOF", host, number)
	eventually(s.t, "the new master has what the replica had", linked(s.redis))
	s.redis.Do("REPLICAOF", "NO", "ONE")
}

// TestF01_F02_F03_F06_RedisOutages: each way in which Redis can be away, beside guarded traffic on two nodes.
func TestF01_F02_F03_F06_RedisOutages(t *testing.T) {
	t.Parallel()
	heavy(t)
	newScene(t, testpg.Options{}, "").outages(redisOutages)
}
