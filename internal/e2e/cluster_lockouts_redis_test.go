package e2e

import (
	"fmt"
	"sync"
	"testing"
)

// TestL_GuessesWhileRedisForgets: who can write to Redis, and deletes what it knows of a name all the time, gets no more
// wrong passwords looked at than lock, on each node; the name is locked then on both, and stays so when that ends.
func TestL_GuessesWhileRedisForgets(t *testing.T) {
	t.Parallel()
	c := startCluster(t, plan{global: "\t\trate_limit login 100000/1m\n\t\tlockout {\n\t\t\tfirst 10m\n\t\t}"})
	u := c.a.newUser(t)
	nodes := []*gateway{c.a, c.b}
	guess := func(i int) answer {
		return nodes[i%2].attempt(t, u.email, fmt.Sprintf("wrong granite lantern %d", i))
	}
	got := map[int]int{guess(0).status: 1}
	keys, _ := c.redis.Do("KEYS", "gatehouse:name:*").([]any)
	if len(keys) != 1 {
		t.Fatalf("%d keys of names, want 1", len(keys))
	}
	over := make(chan struct{})
	var deleting sync.WaitGroup
	for _, forge := range [][]any{{"DEL", keys[0]}, {"HSET", keys[0], "forgot", "9e18", "void", "9e18"}} {
		deleting.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					c.redis.Do(forge...)
				}
			}
		})
	}
	for i := range 40 {
		a := guess(i + 1)
		got[a.status]++
		if a.status == 429 && a.code() != "account_locked" {
			t.Errorf("try %d: %s", i+1, a.code())
		}
	}
	looked := c.a.count(t, "select count(*) from events where kind = 'session.sign_in_failed' and account_id = '"+u.id+"'")
	if looked > 10 || got[401] > 10 || got[401]+got[429] != 41 {
		t.Errorf("%v, %d were looked at, want 5 on each of two nodes at most", got, looked)
	}
	for _, g := range nodes {
		g.attempt(t, u.email, password).want(t, 429, "account_locked")
	}
	close(over)
	deleting.Wait()
	for _, g := range nodes {
		g.attempt(t, u.email, password).want(t, 429, "account_locked")
	}
}
