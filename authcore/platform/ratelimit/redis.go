package ratelimit

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/crypto/secret"
	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

// RedisConfig is what a [Redis] needs. Link, Memory, Key and Logger are required.
type RedisConfig struct {
	Link *redislink.Link
	// Memory holds the rates, remembers what this node has seen, and counts while Redis is away.
	Memory *Memory
	// Key is what keys are MACed under, so that Redis holds neither addresses nor names; the same on every node.
	Key func() secret.MACKey
	// ID is what this node is counted by among the nodes; "" is one of this limiter's own.
	ID     string
	Logger *slog.Logger
	// Limit is how long one question to Redis may take; 0 means 250ms.
	Limit time.Duration
	// Now replaces Redis's own clock where it returns another time than the zero one; nil never does.
	Now func() time.Time
}

// Redis is a limiter whose counters the nodes share: the same algorithm as [Memory], in one call of a script for all limits
// of a Take (in a cluster one for each key text, since they may lie on different servers), by Redis's clock. Counters
// expire when they are full again. It is safe for concurrent use, and lives across config reloads.
//
// A node remembers in its Memory how full each counter was when it last asked, and says so when it asks again: after Redis
// has lost its counters, they go on from what the nodes remember. While Redis does not answer, a node counts alone, each
// limit divided by the number of nodes that were there last; the limits of what is sent to people's addresses then fail
// with [authcore.ErrUnavailable], for nobody else counts those. The first question that is not answered within the limit
// is the last one: from then on only Run asks, several times a second, whether Redis is back. It is back when it does
// all of what it had failed to do, where it had failed: one server of a cluster that hangs, or one right that the user
// lacks, makes the node count alone as a whole.
type Redis struct {
	cfg    RedisConfig
	id     string
	health health
	nodes  atomic.Int64  // that were there last
	forgot time.Time     // when Redis last did not know this node; of who runs
	turn   chan struct{} // holds one token, for who runs
}

// NewRedis checks cfg. It does not connect.
func NewRedis(cfg RedisConfig) (*Redis, error) {
	if cfg.Link == nil || cfg.Memory == nil || cfg.Key == nil || cfg.Logger == nil {
		return nil, errors.New("a shared limiter needs link, memory, key and logger")
	}
	if cfg.Limit == 0 {
		cfg.Limit = 250 * time.Millisecond
	}
	r := &Redis{cfg: cfg, id: cmp.Or(cfg.ID, uuid.NewString()), health: newHealth(), turn: make(chan struct{}, 1)}
	r.nodes.Store(1)
	return r, nil
}

// Take implements [authcore.Limiter].
func (r *Redis) Take(ctx context.Context, limits ...authcore.Limit) (authcore.Taken, error) {
	if err := ctx.Err(); err != nil {
		return authcore.Taken{}, err
	}
	ts, err := r.cfg.Memory.locate(ctx, nil, limits)
	if err != nil || len(ts) == 0 {
		return authcore.Taken{}, err
	}
	switch wait, asked, err := r.take(ctx, ts); {
	case err == nil:
		return taken(wait, asked), nil
	case ctx.Err() != nil:
		return authcore.Taken{}, err
	}
	for _, t := range ts {
		if toAddresses(t.c.name) {
			return authcore.Taken{}, fmt.Errorf("count %s with the other nodes: %w", t.c.name, authcore.ErrUnavailable)
		}
	}
	return r.cfg.Memory.takeShare(ts, r.Nodes()), nil
}

// On implements [authcore.Limiter].
func (r *Redis) On(name string) bool { return r.cfg.Memory.On(name) }

// take asks Redis, one server after the other. It returns the limits with what was found.
func (r *Redis) take(ctx context.Context, ts []taking) (wait time.Duration, asked []taking, err error) {
	groups := r.group(ts)
	var counted [][]taking
	for _, group := range groups {
		w, err := r.ask(ctx, group, wait == 0)
		if err != nil {
			return 0, nil, err
		}
		if wait == 0 && w == 0 {
			counted = append(counted, group)
		}
		wait = max(wait, w)
	}
	if wait > 0 {
		for _, group := range counted {
			if err := r.refund(ctx, group); err != nil {
				return 0, nil, err
			}
		}
	}
	return wait, slices.Concat(groups...), nil
}

// ask takes from limits of which one script can see all.
func (r *Redis) ask(ctx context.Context, ts []taking, count bool) (time.Duration, error) {
	args := append(make([]any, 0, 2+3*len(ts)), r.clock(), count)
	before, ahead := r.cfg.Memory.remembered(ts)
	for i, t := range ts {
		args = append(args, max(1, t.rate.interval().Microseconds()), t.rate.Window.Microseconds(), ahead[i]/int64(time.Microsecond))
	}
	got, err := r.run(ctx, r.server(r.digest(ts[0].key)), takeScript, r.keys(ts), args...)
	if err != nil {
		return 0, err
	}
	if len(got) != 1+len(ts) {
		return 0, errAnswer
	}
	for i := range ts {
		ahead[i] = got[1+i] * int64(time.Microsecond)
		ts[i].ahead = min(max(0, ahead[i]), int64(ts[i].rate.Window))
	}
	r.cfg.Memory.remember(ts, before, ahead)
	return time.Duration(got[0]) * time.Microsecond, nil
}

// Refund implements [authcore.Limiter].
func (r *Redis) Refund(ctx context.Context, limits ...authcore.Limit) error {
	if err := r.cfg.Memory.Refund(ctx, limits...); err != nil {
		return err
	}
	ts, err := r.cfg.Memory.locate(ctx, nil, limits)
	if err != nil {
		return err
	}
	for _, group := range r.group(ts) {
		if err := r.restore(ctx, group); err != nil {
			return fmt.Errorf("give back to the shared limits: %w", err)
		}
	}
	return nil
}

// refund undoes ask, in Redis and in memory.
func (r *Redis) refund(ctx context.Context, ts []taking) error {
	r.cfg.Memory.refund(ts)
	for i := range ts {
		ts[i].ahead = max(0, ts[i].ahead-int64(ts[i].rate.interval()))
	}
	return r.restore(ctx, ts)
}

func (r *Redis) restore(ctx context.Context, ts []taking) error {
	args := append(make([]any, 0, 1+2*len(ts)), r.clock())
	for _, t := range ts {
		args = append(args, max(1, t.rate.interval().Microseconds()), t.rate.Window.Microseconds())
	}
	_, err := r.run(ctx, r.server(r.digest(ts[0].key)), giveBackScript, r.keys(ts), args...)
	return err
}

// group divides limits by the server that counts them.
func (r *Redis) group(ts []taking) (groups [][]taking) {
	if !r.cfg.Link.Clustered() {
		if len(ts) == 0 {
			return nil
		}
		return [][]taking{ts}
	}
	for _, t := range ts {
		i := slices.IndexFunc(groups, func(g []taking) bool { return g[0].key == t.key })
		if i < 0 {
			groups, i = append(groups, nil), len(groups)
		}
		groups[i] = append(groups[i], t)
	}
	return groups
}

// keys are the full names of counters. What stands in braces alone decides which server of a cluster has them.
func (r *Redis) keys(ts []taking) []string {
	keys := make([]string, len(ts))
	for i, t := range ts {
		keys[i] = r.cfg.Link.Key("limit:{" + r.digest(t.key) + "}:" + t.c.name)
	}
	return keys
}

// digest is half a MAC: enough that no two keys meet.
func (r *Redis) digest(text string) string {
	mac := r.cfg.Key().MAC([]byte(text))
	return hex.EncodeToString(mac[:16])
}

// clock is the time that a script goes by; "" is Redis's own.
func (r *Redis) clock() string {
	if r.cfg.Now == nil {
		return ""
	}
	if t := r.cfg.Now(); !t.IsZero() {
		return strconv.FormatInt(t.UnixMicro(), 10)
	}
	return ""
}

// toAddresses reports whether a limit counts what is sent to people's addresses and numbers.
func toAddresses(name string) bool {
	switch authcore.LimitBase(name) {
	case authcore.LimitMail, authcore.LimitResend, authcore.LimitSMS, authcore.LimitSMSPrefix, authcore.LimitSMSClient,
		authcore.LimitSMSTotal, authcore.LimitSMSUnproven:
		return true
	}
	return false
}

// Interface guards
var _ authcore.Limiter = (*Redis)(nil)
