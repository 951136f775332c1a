package sqlstore

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

func scanFigure(r sqldb.Row) (f stats.Figure, err error) {
	return f, r.Scan(&stamp{&f.Hour}, &f.Name, &f.Labels.Result, &f.Labels.Method, &f.N)
}

const selectFigures = "select hour, name, result, method, n from stats where hour >= $1 and hour < $2"

// Figures implements stats.Store.
func (s *Store) Figures(ctx context.Context, from, to time.Time) (all []stats.Figure, err error) {
	err = s.Read(ctx, "read figures", func(ctx context.Context, q sqldb.Querier) error {
		all, err = sqldb.All(ctx, q, scanFigure, selectFigures, micros(from), micros(to))
		return err
	})
	return all, err
}

// LastFigures implements stats.WorkerStore.
func (s *Store) LastFigures(ctx context.Context) (last time.Time, err error) {
	err = s.Read(ctx, "find last figures", func(ctx context.Context, q sqldb.Querier) error {
		last, err = sqldb.One(ctx, q, func(r sqldb.Row) (t time.Time, err error) { return t, r.Scan(&stamp{&t}) }, "select max(hour) from stats")
		return err
	})
	return last, err
}

// hour is as long as one in microseconds.
const hour = "3600000000"

// countEvents counts by hour, along the index by kind and time.
func countEvents(kinds []authcore.EventKind, from time.Time) (text string, args []any) {
	args = []any{micros(from)}
	places := make([]string, len(kinds))
	for i, k := range kinds {
		args = append(args, string(k))
		places[i] = "$" + strconv.Itoa(len(args))
	}
	return "select at / " + hour + " * " + hour + " as hour, kind, result, method, count(*) from events where kind in (" +
		strings.Join(places, ", ") + ") and at >= $1 group by 1, 2, 3, 4", args
}

// CountEvents implements stats.WorkerStore.
func (s *Store) CountEvents(ctx context.Context, kinds []authcore.EventKind, from time.Time) (counts []stats.Count, err error) {
	text, args := countEvents(kinds, from)
	err = s.Read(ctx, "count events", func(ctx context.Context, q sqldb.Querier) error {
		counts, err = sqldb.All(ctx, q, func(r sqldb.Row) (c stats.Count, err error) {
			return c, r.Scan(&stamp{&c.Hour}, &c.Kind, &c.Result, &c.Method, &c.N)
		}, text, args...)
		return err
	})
	return counts, err
}

const countSessions = `select count(*) from sessions s join users u on u.id = s.account_id and u.epoch = s.account_epoch
	where s.parent_id is null and s.revoked_at is null and s.refresh_expires_at > $1 and s.expires_at > $1 and u.disabled_at is null`

// CountSessions implements stats.WorkerStore.
func (s *Store) CountSessions(ctx context.Context, now time.Time) (int64, error) {
	return s.readNumber(ctx, "count sessions", countSessions, micros(now))
}

// figuresAtOnce keeps a statement below the number of parameters that both engines take.
const figuresAtOnce = 1000

// SaveFigures implements stats.WorkerStore.
func (s *Store) SaveFigures(ctx context.Context, all []stats.Figure) error {
	return s.Write(ctx, "save figures", func(ctx context.Context, q sqldb.Querier) error {
		for rest := all; len(rest) > 0; {
			some := rest[:min(len(rest), figuresAtOnce)]
			rest = rest[len(some):]
			var text strings.Builder
			text.WriteString("insert into stats (hour, name, result, method, n) values ")
			args := make([]any, 0, 5*len(some))
			for i, f := range some {
				if i > 0 {
					text.WriteString(", ")
				}
				text.WriteString("(" + parametersAfter(len(args), "hour, name, result, method, n") + ")")
				args = append(args, micros(f.Hour), f.Name, f.Labels.Result, f.Labels.Method, f.N)
			}
			text.WriteString(" on conflict (hour, name, result, method) do update set n = excluded.n")
			if _, err := sqldb.Exec(ctx, q, text.String(), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

const takeLease = `insert into leases (name, until) values ($1, $3)
	on conflict (name) do update set until = excluded.until where leases.until <= $2`

// Lease implements stats.WorkerStore.
func (s *Store) Lease(ctx context.Context, name string, now, until time.Time) (free bool, err error) {
	err = s.Single(ctx, "take lease", func(ctx context.Context, q sqldb.Querier) error {
		n, err := sqldb.Exec(ctx, q, takeLease, name, micros(now), micros(until))
		free = n > 0
		return err
	})
	return free, err
}

const nodeColumns = "id, version, state, started_at, seen_at, view_age, clock_skew, settings_version"

func scanNode(r sqldb.Row) (n stats.Node, err error) {
	var age, skew int64
	err = r.Scan(&n.ID, &n.Version, &n.State, &stamp{&n.StartedAt}, &stamp{&n.SeenAt}, &age, &skew, &n.Settings)
	n.ViewAge, n.ClockSkew = time.Duration(age)*time.Microsecond, time.Duration(skew)*time.Microsecond
	return n, err
}

// Nodes implements stats.Store.
func (s *Store) Nodes(ctx context.Context) (nodes []stats.Node, err error) {
	err = s.Read(ctx, "read nodes", func(ctx context.Context, q sqldb.Querier) error {
		nodes, err = sqldb.All(ctx, q, scanNode, "select "+nodeColumns+" from nodes")
		return err
	})
	return nodes, err
}

const saveNode = "insert into nodes (" + nodeColumns + `) values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do update set
	version = excluded.version, state = excluded.state, seen_at = excluded.seen_at, view_age = excluded.view_age, clock_skew = excluded.clock_skew,
	settings_version = excluded.settings_version`

// SaveNode implements stats.NodeStore.
func (s *Store) SaveNode(ctx context.Context, n stats.Node) error {
	return s.Single(ctx, "save node", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, saveNode, n.ID, n.Version, n.State, micros(n.StartedAt), micros(n.SeenAt), n.ViewAge.Microseconds(),
			n.ClockSkew.Microseconds(), n.Settings)
		return err
	})
}

// RemoveNode implements stats.NodeStore.
func (s *Store) RemoveNode(ctx context.Context, id uuid.UUID) error {
	return s.Single(ctx, "remove node", func(ctx context.Context, q sqldb.Querier) error {
		_, err := sqldb.Exec(ctx, q, "delete from nodes where id = $1", id)
		return err
	})
}
