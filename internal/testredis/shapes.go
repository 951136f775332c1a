package testredis

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-auth/gatehouse/internal/testproc"
)

// clusterSlots is how many hash slots every cluster has.
const clusterSlots = 16384

// Cluster makes a cluster of n masters, each with its share of the slots, and returns once all agree
// that it is complete. The servers go with the test.
func Cluster(t testing.TB, n int) []*Server {
	t.Helper()
	var servers []*Server
	for range n {
		servers = append(servers, New(t, Options{Settings: map[string]string{
			"cluster-enabled": "yes", "cluster-node-timeout": "2000", "cluster-require-full-coverage": "no",
		}}))
	}
	for i, s := range servers {
		s.Do("CLUSTER", "ADDSLOTSRANGE", i*clusterSlots/n, (i+1)*clusterSlots/n-1)
		if i > 0 {
			s.Do("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
		}
	}
	agreed := testproc.Until(startLimit, func() bool {
		for _, s := range servers {
			info, _ := s.Do("CLUSTER", "INFO").(string)
			if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n)) ||
				!strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d", clusterSlots)) {
				return false
			}
		}
		return true
	})
	if !agreed {
		t.Fatalf("testredis: the cluster was not complete after %s", startLimit)
	}
	return servers
}

// MasterName is the name under which a [Watched] master is known to its sentinel.
const MasterName = "gatehouse"

// Watched is a master, its replica and the sentinel that makes the replica master when the master is gone.
type Watched struct {
	Master, Replica *Server
	Sentinel        *Server
}

// Sentinel starts a watched master and returns once replica and sentinel know it. The sentinel asks
// for the password; "" is none. The servers go with the test.
func Sentinel(t testing.TB, password string) *Watched {
	t.Helper()
	master := New(t, Options{})
	replica := New(t, Options{Settings: map[string]string{"replicaof": "127.0.0.1 " + strconv.Itoa(master.port)}})
	w := &Watched{Master: master, Replica: replica}
	if !testproc.Until(startLimit, func() bool { return strings.Contains(w.info(replica), "master_link_status:up") }) {
		t.Fatal("testredis: the replica does not follow its master")
	}
	settings := map[string]string{
		"sentinel monitor " + MasterName:                 "127.0.0.1 " + strconv.Itoa(master.port) + " 1",
		"sentinel down-after-milliseconds " + MasterName: "500",
		"sentinel failover-timeout " + MasterName:        "3000",
	}
	if password != "" {
		settings["requirepass"] = password
	}
	w.Sentinel = open(t, &Server{sentinel: true, password: password, options: Options{Settings: settings}})
	if !testproc.Until(startLimit, func() bool {
		replicas, _ := w.Sentinel.Do("SENTINEL", "REPLICAS", MasterName).([]any)
		return len(replicas) == 1
	}) {
		t.Fatal("testredis: the sentinel does not see the replica")
	}
	return w
}

// Promoted reports whether the replica has become master.
func (w *Watched) Promoted() bool { return strings.Contains(w.info(w.Replica), "role:master") }

func (w *Watched) info(s *Server) string {
	s.tb.Helper()
	text, _ := s.Do("INFO", "replication").(string)
	return text
}
