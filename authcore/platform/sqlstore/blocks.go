package sqlstore

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/sqldb"
)

const (
	blockColumns = "id, kind, pattern, acts, reason, source, created_at, created_by, expires_at"

	blocksVersion = "select coalesce(max(cast(value as bigint)), 0) from settings where name = 'blocks_version'"
	// It is first in each change: those of several nodes wait for each other here, and count one after the other.
	countBlockChange = `insert into settings (name, value) values ('blocks_version', '1') on conflict (name)
		do update set value = cast(cast(settings.value as bigint) + 1 as text)`
	selectBlocks = "select " + blockColumns + " from blocks where expires_at is null or expires_at > $1 order by created_at, id"
	// Those of traps are counted apart.
	countBlocks  = "select count(*) from blocks where source <> 'trap' and (expires_at is null or expires_at > $1)"
	countTrapped = "select count(*) from blocks where source = 'trap' and expires_at > $1"
	selectTrap   = "select " + blockColumns + " from blocks where source = 'trap' and pattern = $1 and expires_at > $2 order by expires_at desc, id limit 1"
	prolongBlock = "update blocks set expires_at = $2 where id = $1"
	insertBlock  = "insert into blocks (" + blockColumns + ") values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
	deleteBlock  = "delete from blocks where id = $1"
	forgetHits   = "delete from block_hits where rule_id = $1"
	selectHits   = "select hits, last_hit_at from block_hits where rule_id = $1"
	addHits      = `insert into block_hits (rule_id, hits, last_hit_at) values ($1, $2, $3) on conflict (rule_id)
		do update set hits = block_hits.hits + excluded.hits, last_hit_at =
		case when excluded.last_hit_at > block_hits.last_hit_at then excluded.last_hit_at else block_hits.last_hit_at end`
)

func scanBlock(r sqldb.Row) (b block.Rule, err error) {
	var acts string
	err = r.Scan(&b.ID, &b.Kind, &b.Pattern, &acts, &b.Reason, &b.Source, &stamp{&b.CreatedAt}, &optional{&b.CreatedBy}, &stamp{&b.ExpiresAt})
	for _, act := range strings.Fields(acts) {
		b.For = append(b.For, block.Act(act))
	}
	return b, err
}

func scanHits(r sqldb.Row) (h block.Hits, err error) {
	return h, r.Scan(&h.Count, &stamp{&h.Last})
}

// Blocks implements block.Store.
func (s *Store) Blocks(ctx context.Context, now time.Time) (state block.State, err error) {
	err = s.Read(ctx, "read block rules", func(ctx context.Context, q sqldb.Querier) error {
		// First: what is read after it is at least of that version, and what comes after it is read again.
		if state.Version, err = sqldb.One(ctx, q, sqldb.ScanInt, blocksVersion); err != nil {
			return err
		}
		state.Rules, err = sqldb.All(ctx, q, scanBlock, selectBlocks, micros(now))
		return err
	})
	return state, err
}

// BlocksVersion implements block.Store.
func (s *Store) BlocksVersion(ctx context.Context) (int64, error) {
	return s.readNumber(ctx, "read version of block rules", blocksVersion)
}

// AddBlock implements block.Store.
func (s *Store) AddBlock(ctx context.Context, r block.Rule, fx authcore.Effects) error {
	return s.change(ctx, "add block rule", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.Exec(ctx, q, countBlockChange); err != nil {
			return err
		}
		n, err := sqldb.One(ctx, q, sqldb.ScanInt, countBlocks, micros(r.CreatedAt))
		if err != nil {
			return err
		}
		if n >= block.MaxRules {
			return block.ErrTooMany
		}
		if err := insertRule(ctx, q, r); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

func insertRule(ctx context.Context, q *tx, r block.Rule) error {
	acts := make([]string, len(r.For))
	for i, act := range r.For {
		acts[i] = string(act)
	}
	_, err := sqldb.Exec(ctx, q, insertBlock, r.ID, string(r.Kind), r.Pattern, strings.Join(acts, " "), r.Reason, string(r.Source),
		micros(r.CreatedAt), orNull(r.CreatedBy), micros(r.ExpiresAt))
	return err
}

// SpringTrap implements block.TrapStore. Changes wait for each other at countBlockChange, so that no two see that there is no rule yet.
func (s *Store) SpringTrap(ctx context.Context, r block.Rule, most int, fx authcore.Effects) (holds block.Rule, version int64, err error) {
	err = s.change(ctx, "spring trap", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.Exec(ctx, q, countBlockChange); err != nil {
			return err
		}
		known, err := sqldb.All(ctx, q, scanBlock, selectTrap, r.Pattern, micros(r.CreatedAt))
		if err != nil {
			return err
		}
		if holds = r; len(known) > 0 {
			holds, err = prolong(ctx, q, known[0], r.ExpiresAt)
		} else {
			err = addTrap(ctx, q, r, most)
		}
		if err != nil {
			return err
		}
		if version, err = sqldb.One(ctx, q, sqldb.ScanInt, blocksVersion); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
	return holds, version, err
}

// prolong has a rule end no earlier than until.
func prolong(ctx context.Context, q *tx, r block.Rule, until time.Time) (block.Rule, error) {
	if !r.ExpiresAt.Before(until) {
		return r, nil
	}
	r.ExpiresAt = until
	_, err := sqldb.Exec(ctx, q, prolongBlock, r.ID, micros(until))
	return r, err
}

func addTrap(ctx context.Context, q *tx, r block.Rule, most int) error {
	n, err := sqldb.One(ctx, q, sqldb.ScanInt, countTrapped, micros(r.CreatedAt))
	if err != nil {
		return err
	}
	if n >= int64(most) {
		return block.ErrTooMany
	}
	return insertRule(ctx, q, r)
}

// RemoveBlock implements block.Store.
func (s *Store) RemoveBlock(ctx context.Context, id uuid.UUID, fx authcore.Effects) error {
	return s.change(ctx, "remove block rule", func(ctx context.Context, q *tx) error {
		if _, err := sqldb.Exec(ctx, q, countBlockChange); err != nil {
			return err
		}
		n, err := sqldb.Exec(ctx, q, deleteBlock, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return authcore.ErrNotFound
		}
		if _, err := sqldb.Exec(ctx, q, forgetHits, id); err != nil {
			return err
		}
		return record(ctx, q, fx)
	})
}

// BlockHits implements block.Store.
func (s *Store) BlockHits(ctx context.Context, rules []block.Rule) error {
	return s.Read(ctx, "read hits of block rules", func(ctx context.Context, q sqldb.Querier) error {
		for i := range rules {
			hits, err := sqldb.All(ctx, q, scanHits, selectHits, rules[i].ID)
			if err != nil {
				return err
			}
			for _, h := range hits {
				rules[i].Hits, rules[i].LastHitAt = h.Count, h.Last
			}
		}
		return nil
	})
}

// RecordHits implements block.Store.
func (s *Store) RecordHits(ctx context.Context, hits []block.Hits, fx authcore.Effects) error {
	return s.change(ctx, "record hits of block rules", func(ctx context.Context, q *tx) error {
		for _, h := range hits {
			if _, err := sqldb.Exec(ctx, q, addHits, h.Rule, h.Count, micros(h.Last)); err != nil {
				return err
			}
		}
		return record(ctx, q, fx)
	})
}
