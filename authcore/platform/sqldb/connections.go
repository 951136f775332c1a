package sqldb

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// marker begins the application_name of every connection of a DB, by which RefuseConnected knows them.
	marker = "gatehouse"
	// looker is the application_name of the connection that looks for others, so that two who look do not see each other.
	looker = "looks for " + marker
	// connectedWait is for how long connections may still be seen whose gateway has just been stopped: one that was killed leaves a
	// statement behind, which ends by statementLimit.
	connectedWait = 3 * time.Second
	connectedRest = 100 * time.Millisecond

	// Every role may read these columns of every other role's connections, but client_addr.
	ofConnections    = "from pg_stat_activity where datname = current_database() and application_name like '" + marker + "%'"
	countConnections = "select count(*), coalesce(string_agg(distinct host(client_addr), ', '), '') " + ofConnections
)

// Connections is what a DB's pool looks like at a moment.
type Connections struct {
	InUse, Idle, Max int // for SQLite those that read; one more writes
	Waiting          int // who waits for one; for SQLite, for the turn to write
}

// Connections returns the pool's present state. It asks the database nothing.
func (d *DB) Connections() Connections { return d.engine.connections() }

func (p *postgres) connections() Connections {
	stat := p.pool.Stat()
	return Connections{InUse: int(stat.AcquiredConns()), Idle: int(stat.IdleConns()), Max: int(stat.MaxConns()),
		Waiting: int(p.waiting.Load())}
}

func (l *lite) connections() Connections {
	stats := l.readers.Stats()
	return Connections{InUse: stats.InUse, Idle: stats.Idle, Max: stats.MaxOpenConnections, Waiting: int(l.writelock.waiting.Load())}
}

// marked is the application_name of a DB whose URL sets the given one. Postgres cuts what is too long at its end.
func marked(given string) string {
	if strings.HasPrefix(given, marker) {
		return given
	}
	return strings.TrimSpace(marker + " " + given)
}

// RefuseConnected returns an [*InUseError] while a gateway, or a command of one, is connected to a Postgres database. Whoever calls it has no DB
// open on it. It sees who is connected now: neither a node that is cut off from the database, nor one that starts a moment later. Of a
// SQLite file Lock says whether it is in use; here nothing is looked at.
func RefuseConnected(ctx context.Context, url string) error {
	at, err := parse(url)
	if err != nil || at.pool == nil {
		return err
	}
	const step = "look for gateways on the database"
	for begin := time.Now(); ; {
		count, from, err := connections(ctx, at.pool)
		switch {
		case err != nil:
			return finish(ctx, step, err)
		case count == 0:
			return nil
		case time.Since(begin) >= connectedWait:
			return inUse(count, from)
		}
		select {
		case <-ctx.Done():
			return finish(ctx, step, ctx.Err())
		case <-time.After(connectedRest):
		}
	}
}

// connections looks once, on a connection of its own.
func connections(ctx context.Context, pool *pgxpool.Config) (count int, from string, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectLimit)
	defer cancel()
	cfg := pool.Copy().ConnConfig
	cfg.RuntimeParams["application_name"] = looker
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close(ctx)
	err = conn.QueryRow(ctx, countConnections).Scan(&count, &from)
	return count, from, err
}

func inUse(count int, from string) error {
	what := fmt.Sprintf("%d connections of gateways are", count)
	if count == 1 {
		what = "1 connection of a gateway is"
	}
	if from != "" {
		from = ", from " + from
	}
	return &InUseError{fmt.Sprintf("the database is in use: %s open to it%s: stop every gateway on it, on every machine, and run this again. "+
		"Connections of a machine that is gone end when the server's TCP keepalive notices. To end them at once: select pg_terminate_backend(pid) %s",
		what, from, ofConnections)}
}
