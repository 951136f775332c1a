package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/platform/redislink"
)

const (
	// beatEvery is how often a node says that it is there.
	beatEvery = time.Second
	// forgottenAfter is after how long of silence a node no longer counts as one of several.
	forgottenAfter = 15 * time.Second
)

var (
	errAway   = errors.New("redis is away")
	errAnswer = errors.New("redis gave an answer that no script gives")
)

// Away reports whether this node counts alone at the moment.
func (r *Redis) Away() bool { return r.health.away.Load() }

// Nodes is how many nodes were there when Redis was last asked, this one included: among so many a limit is divided while
// each counts alone.
func (r *Redis) Nodes() int { return int(max(1, r.nodes.Load())) }

// run calls a script, unless Redis is away; where it does not answer, it is until it answers that question.
func (r *Redis) run(ctx context.Context, server string, s *redislink.Script, keys []string, args ...any) ([]int64, error) {
	if r.Away() {
		return nil, errAway
	}
	asked := time.Now()
	got, err := r.try(ctx, s, keys, args...)
	if err != nil && ctx.Err() == nil {
		r.health.lose(asked, err, server)
	}
	return got, err
}

// try calls a script within the limit. Where the connection was a dead one, another is tried.
func (r *Redis) try(ctx context.Context, s *redislink.Script, keys []string, args ...any) ([]int64, error) {
	limited, cancel := context.WithTimeout(ctx, r.cfg.Limit)
	defer cancel()
	answer, err := r.cfg.Link.Run(limited, s, keys, args...)
	if err != nil && limited.Err() == nil && !redislink.Answered(err) {
		answer, err = r.cfg.Link.Run(limited, s, keys, args...)
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

// Run keeps the number of nodes and looks for a Redis that is away, until ctx ends. It alone tells of changes, so that the
// log has them in their order and no request waits for it. Of several calls one runs, and the next takes over where it
// ended.
func (r *Redis) Run(ctx context.Context) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-r.turn }()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.health.woke:
			r.tell()
			timer.Reset(r.health.next(true))
		case <-timer.C:
			r.look(ctx)
			timer.Reset(r.health.next(false))
		}
	}
}

// look says that this node is there and asks what Redis did not answer.
func (r *Redis) look(ctx context.Context) {
	r.tell()
	asked, owed := time.Now(), r.health.owed()
	err := r.beat(ctx)
	for _, tag := range owed {
		if err == nil {
			err = r.prove(ctx, tag)
		}
	}
	switch {
	case ctx.Err() != nil:
		return
	case err != nil:
		r.health.lose(asked, err)
		return
	}
	if back, outage, told := r.health.find(owed); back && told {
		r.cfg.Logger.Info("limits are counted together with the other nodes again", "component", "redis_counters", "state", "up",
			"nodes", r.Nodes(), "outage", outage)
	}
}

// tell tells once that Redis is away.
func (r *Redis) tell() {
	if cause := r.health.news(); cause != nil {
		r.cfg.Logger.Warn("Redis does not answer: limits are counted by this node alone, each divided by the number of nodes, and mails that have a limit are refused",
			"component", "redis_counters", "state", "away", "nodes", r.Nodes(), "error", cause)
	}
}

// beat says that this node is there, and notes how many are.
func (r *Redis) beat(ctx context.Context) error {
	got, err := r.try(ctx, beatScript, []string{r.cfg.Link.Key("nodes")}, "", r.id, forgottenAfter.Microseconds())
	if err != nil {
		return err
	}
	if len(got) != 2 {
		return errAnswer
	}
	if got[0] == 1 { // it did not know this node
		r.forgot = time.Now()
	}
	// Where Redis has forgotten this node it has forgotten the others too, until each has told it again: counting alone then,
	// two nodes would both be the only one.
	if got[1] > r.nodes.Load() || time.Since(r.forgot) > seekSeldom+beatEvery {
		r.nodes.Store(got[1])
	}
	return nil
}
