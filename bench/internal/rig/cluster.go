package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/internal/testpg"
	"github.com/gatehouse-auth/gatehouse/internal/testredis"
)

// Cluster is a Postgres and a Redis of the run, over which nodes are one gateway.
type Cluster struct {
	postgres *testpg.Server
	redis    *testredis.Server
	database string // its URL
	secret   string // the file that holds it
	outbox   string // of all nodes: any of them may send a mail
}

// Cluster starts the servers, which Close ends. Every commit waits for the disk, as in production.
func (r *Rig) Cluster() (c *Cluster, err error) {
	c = &Cluster{secret: filepath.Join(r.folder, "cluster-secret"), outbox: filepath.Join(r.folder, "cluster-outbox")}
	if err := os.WriteFile(c.secret, []byte(rawURL(secret.Random(32))), 0o600); err != nil {
		return nil, err
	}
	if c.postgres, err = testpg.Open(testpg.Options{Fsync: true}); err != nil {
		return nil, fmt.Errorf("start Postgres: %w", err)
	}
	r.clusters = append(r.clusters, c)
	if c.database, err = c.postgres.CreateDatabase(); err != nil {
		return nil, err
	}
	if c.redis, err = testredis.Open(testredis.Options{}); err != nil {
		return nil, fmt.Errorf("start Redis: %w", err)
	}
	return c, nil
}

func (c *Cluster) close() error {
	err := c.postgres.Close()
	if c.redis != nil {
		err = errors.Join(err, c.redis.Close())
	}
	return err
}

// Node starts a gateway over a cluster.
func (r *Rig) Node(c *Cluster) (*Server, error) {
	s, err := r.prepared("", fmt.Sprintf("\t\tdatabase %s\n\t\tredis %s\n\t\tsecret {file.%s}\n\t\tmail outbox %s\n",
		c.database, c.redis.URL(), c.secret, c.outbox), "", false)
	if err != nil {
		return nil, err
	}
	s.outbox = c.outbox
	return s, r.Again(s)
}
