package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

const (
	// poolWait is how long work waits for a free connection while none comes back: with the pool dry, a quick 503 beats
	// a long queue. A burst that moves may take up to workLimit.
	poolWait = 250 * time.Millisecond
	// connectWait is how long it waits while a connection is made: to a server far away that takes six round trips.
	connectWait = 900 * time.Millisecond
	// rollbackLimit bounds the clean-up after the caller's ctx has ended.
	rollbackLimit = 250 * time.Millisecond
)

type postgres struct {
	pool   *pgxpool.Pool
	at     location
	closed atomic.Bool
	moved  atomic.Int64 // when a connection last came back, in nanoseconds

	waiting atomic.Int64 // who waits for a connection
}

func openPostgres(ctx context.Context, at location) (*postgres, error) {
	pooled, err := refuseShared(ctx, at.pool.ConnConfig)
	if err != nil {
		return nil, err
	}
	if pooled {
		// PgBouncer 1.18, which Debian 12 has, ends when it gets a request to cancel a statement that is just over. A connection that is
		// closed instead is soon there again, from the pooler.
		at.pool.ConnConfig.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
			return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
		}
	}
	pool, err := pgxpool.NewWithConfig(ctx, at.pool)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return &postgres{pool: pool, at: at}, nil
}

func (p *postgres) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	if p.closed.Load() {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	start := time.Now()
	var impatience *time.Timer
	armed := make(chan struct{}) // closed once impatience is set
	impatience = time.AfterFunc(poolWait, func() {
		<-armed
		idle, waited := time.Since(time.Unix(0, p.moved.Load())), time.Since(start)
		switch {
		case idle < poolWait && waited < workLimit:
			impatience.Reset(poolWait - idle)
			return
		case waited < connectWait && p.pool.Stat().ConstructingConns() > 0:
			impatience.Reset(min(poolWait, connectWait-waited))
			return
		}
		cancel(context.DeadlineExceeded)
	})
	close(armed)
	defer impatience.Stop()
	p.waiting.Add(1)
	conn, err := p.pool.Acquire(ctx)
	p.waiting.Add(-1)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("wait for a connection: %w", err)
	}
	return conn, nil
}

func (p *postgres) release(conn *pgxpool.Conn) {
	conn.Release()
	p.moved.Store(time.Now().UnixNano())
}

func (p *postgres) read(ctx context.Context, do Work) error { return p.single(ctx, do) }

func (p *postgres) single(ctx context.Context, do Work) error {
	conn, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.release(conn)
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	return p.watch(do(ctx, conn))
}

func (p *postgres) transact(ctx context.Context, limit time.Duration, do Work) error {
	conn, err := p.acquire(ctx)
	if err != nil {
		return err
	}
	defer p.release(conn)
	tx, err := begin(ctx, conn)
	if err != nil {
		return err
	}
	// From here on a client that hangs up stops nothing: a change that is committed without its caller hearing of it, such
	// as a revocation, would not reach this node's memory.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	// After a commit this does nothing. Without an answer the connection is closed, and the server rolls back.
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackLimit)
		defer cancel()
		_ = tx.Rollback(ctx)
	}()
	if limit > workLimit {
		for _, what := range []string{"statement_timeout", "idle_in_transaction_session_timeout"} {
			if _, err := tx.Exec(ctx, fmt.Sprintf("set local %s = %d", what, limit.Milliseconds())); err != nil {
				return err
			}
		}
	}
	if err := do(ctx, tx); err != nil {
		return p.watch(err)
	}
	return p.watch(commit(ctx, tx))
}

// begin opens a transaction, within the limit of usual work: a server that has just frozen answers nothing at all.
func begin(ctx context.Context, conn *pgxpool.Conn) (pgx.Tx, error) {
	ctx, cancel := context.WithTimeout(ctx, workLimit)
	defer cancel()
	return conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
}

// watch leaves a server that has become a standby, so that the next connection finds the new primary.
func (p *postgres) watch(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "25006" {
		p.pool.Reset()
	}
	return err
}

func (p *postgres) migrator(context.Context) (*sql.DB, func() error, error) {
	cfg := p.pool.Config().ConnConfig
	// Building an index over many rows takes what it takes.
	settings := maps.Clone(p.at.settings)
	settings["statement_timeout"], settings["lock_timeout"] = "0", fmt.Sprint(tableWait.Milliseconds())
	cfg.AfterConnect = setting(settings)
	db := stdlib.OpenDB(*cfg)
	return db, db.Close, nil
}

func (p *postgres) lock() error { return nil }

func (p *postgres) close() error {
	p.closed.Store(true)
	p.pool.Close()
	return nil
}
