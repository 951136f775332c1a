package throttle_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/throttle"
)

// olderFailure counts a failure as nodes of the release before do, whose tries have UUIDs for names.
const olderFailure = `local t = redis.call('TIME')
redis.call('HDEL', KEYS[1], 'r:' .. ARGV[1])
return redis.call('HSET', KEYS[1], 'f:' .. ARGV[1], t[1] * 1000000 + t[2])`

// TestK08_FailuresOfTheReleaseBefore: while nodes of two releases run, what either counts counts.
func TestK08_FailuresOfTheReleaseBefore(t *testing.T) {
	t.Parallel()
	p := newPair(t, throttle.Policy{First: 10 * time.Minute})
	begin(t, p.nodes[0], "ada").Failed(t.Context())
	key := p.key("name:")
	for range 2 {
		p.redis.Do("EVAL", olderFailure, 1, key, uuid.NewString())
	}
	// One of theirs runs: a node of this release leaves it its name, so that its own can end it.
	running := uuid.NewString()
	p.redis.Do("HSET", key, "r:"+running, "9e18")
	begin(t, p.nodes[1], "ada").Failed(t.Context())
	if p.redis.Do("HEXISTS", key, "r:"+running) != int64(1) {
		t.Error("a try of the other release is forgotten")
	}
	p.redis.Do("HDEL", key, "r:"+running) // it was the right password of somebody who then hung up
	begin(t, p.nodes[0], "ada").Failed(t.Context())
	if left := wait(t, p.nodes[0], "ada"); left < 9*time.Minute {
		t.Errorf("after five failures on nodes of two releases a name waits %s", left)
	}
}
