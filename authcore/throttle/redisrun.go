package throttle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// beatEvery is how often a node says that it is there.
	beatEvery = time.Second
	// seekEvery is how often a node looks for a Redis that is away.
	seekEvery = 250 * time.Millisecond
	// forgottenAfter is after how long of silence a node no longer counts as one of several.
	forgottenAfter = 15 * time.Second
)

var (
	errAway   = errors.New("redis is away")
	errAnswer = errors.New("redis gave an answer that no script gives")
)

// Away reports whether this node counts alone at the moment.
func (r *Redis) Away() bool { return r.away.Load() }

// Nodes is how many nodes were there when Redis was last asked, this one included: among so many a limit is divided while
// each counts alone.
func (r *Redis) Nodes() int { return int(max(1, r.nodes.Load())) }

// run calls a script, unless Redis is away.
func (r *Redis) run(ctx context.Context, s *redis.Script, keys []string, args ...any) ([]int64, error) {
	if r.away.Load() {
		return nil, errAway
	}
	got, err := r.try(ctx, s, keys, args...)
	if err != nil && ctx.Err() == nil {
		r.lose(err)
	}
	return got, err
}

// try calls a script within the limit. Where the connection was a dead one, another is tried.
func (r *Redis) try(ctx context.Context, s *redis.Script, keys []string, args ...any) ([]int64, error) {
	limited, cancel := context.WithTimeout(ctx, r.cfg.Limit)
	defer cancel()
	answer, err := s.Run(limited, r.cfg.Link, keys, args...).Result()
	if refused := redis.Error(nil); err != nil && limited.Err() == nil && !errors.As(err, &refused) {
		answer, err = s.Run(limited, r.cfg.Link, keys, args...).Result()
	}
	if err != nil {
		return nil, fmt.Errorf("ask redis for counters: %w", err)
	}
	return numbers(answer)
}

func numbers(answer any) ([]int64, error) {
	if n, one := answer.(int64); one {
		return []int64{n}, nil
	}
	list, _ := answer.([]any)
	got := make([]int64, len(list))
	for i, v := range list {
		n, ok := v.(int64)
		if !ok {
			return nil, errAnswer
		}
		got[i] = n
	}
	if len(got) == 0 {
		return nil, errAnswer
	}
	return got, nil
}

// lose notes that Redis is away, and tells of it once.
func (r *Redis) lose(err error) {
	if r.away.Swap(true) {
		return
	}
	r.since.Store(time.Now().UnixNano())
	r.cfg.Logger.Warn("limits are counted by this node alone, divided by the number of nodes, and nothing is sent that has a limit: Redis does not answer",
		"component", "redis_counters", "state", "away", "nodes", r.Nodes(), "error", err)
	select {
	case r.look <- struct{}{}:
	default:
	}
}

// Run keeps the number of nodes and looks for a Redis that is away, until ctx ends. Of several calls one runs, and the next
// takes over where it ended.
func (r *Redis) Run(ctx context.Context) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-r.turn }()
	var told time.Time
	for {
		every := beatEvery
		if lost := r.beat(ctx); lost && time.Since(told) >= beatEvery {
			r.cfg.Lost(ctx)
			told = time.Now()
		}
		if r.away.Load() {
			every = seekEvery
		}
		timer := time.NewTimer(every)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-r.look:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// beat says that this node is there. It reports whether Redis may not know what it did, or does not answer.
func (r *Redis) beat(ctx context.Context) (lost bool) {
	got, err := r.try(ctx, beatScript, []string{r.cfg.Link.Key("nodes")}, "", r.id, forgottenAfter.Microseconds())
	if ctx.Err() != nil {
		return false
	}
	if err == nil && len(got) != 2 {
		err = errAnswer
	}
	if err != nil {
		r.lose(err)
		return true
	}
	r.nodes.Store(got[1])
	if r.away.Swap(false) {
		r.cfg.Logger.Info("limits are counted together with the other nodes again", "component", "redis_counters", "state", "up",
			"nodes", r.Nodes(), "outage", time.Since(time.Unix(0, r.since.Load())))
	}
	return got[0] == 1
}
