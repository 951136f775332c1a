package testredis_test

import (
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

func TestServer_KilledComesBackEmptyUnlessItPersists(t *testing.T) {
	t.Parallel()
	for _, persist := range []bool{false, true} {
		s := testredis.New(t, testredis.Options{Persist: persist})
		addr := s.Addr()
		s.Do("SET", "k", "v")
		s.Kill()
		s.Start()
		if got := s.Do("GET", "k"); (got != nil) != persist {
			t.Errorf("persist %t: after the kill there is %v", persist, got)
		}
		if s.Addr() != addr {
			t.Error("it came back elsewhere")
		}
	}
}

func TestServer_FlushAndCommands(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	before := s.Commands()
	s.Do("SET", "k", "v")
	s.Flush()
	if got := s.Do("GET", "k"); got != nil {
		t.Errorf("after the flush there is %v", got)
	}
	if n := s.Commands() - before; n < 3 {
		t.Errorf("%d commands counted", n)
	}
}

func TestServer_FreezeAnswersNothingUntilThaw(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{})
	s.Freeze()
	answered := make(chan struct{})
	go func() { defer close(answered); s.Do("PING") }()
	select {
	case <-answered:
		t.Fatal("a frozen server answered")
	case <-time.After(200 * time.Millisecond):
	}
	s.Thaw()
	<-answered
}

func TestServer_EndsWhileFrozen(t *testing.T) {
	t.Parallel()
	testredis.New(t, testredis.Options{}).Freeze()
}

func TestServer_UserMayDoWhatItsRulesSay(t *testing.T) {
	t.Parallel()
	s := testredis.New(t, testredis.Options{TLS: true, Rules: "~a:* +get"})
	if got := s.Do("ACL", "DRYRUN", "gatehouse", "GET", "a:1"); got != "OK" {
		t.Errorf("a permitted command: %v", got)
	}
	if got := s.Do("ACL", "DRYRUN", "gatehouse", "GET", "b:1"); got == "OK" {
		t.Error("a key outside of the rules is permitted")
	}
}

func TestCluster_SharesTheSlots(t *testing.T) {
	t.Parallel()
	servers := testredis.Cluster(t, 2)
	if n, _ := servers[1].Do("CLUSTER", "COUNTKEYSINSLOT", 1).(int64); n != 0 {
		t.Errorf("%d keys in an empty cluster", n)
	}
}

func TestSentinel_PromotesTheReplica(t *testing.T) {
	t.Parallel()
	w := testredis.Sentinel(t, "")
	w.Master.Kill()
	deadline := time.Now().Add(30 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !w.Promoted() {
		if time.Now().After(deadline) {
			t.Fatal("the replica was not promoted")
		}
		<-tick.C
	}
}
