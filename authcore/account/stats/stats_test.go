package stats_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/signup"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/internal/testflow"
)

// figuresOf returns the points of the series with these labels, without their times.
func figuresOf(t *testing.T, e *testflow.Env, name string, labels stats.Labels) (n []int64) {
	t.Helper()
	all, err := e.Stats.Series(t.Context(), time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if s.Name == name && s.Labels == labels {
			for _, p := range s.Points {
				n = append(n, p.N)
			}
		}
	}
	return n
}

// An hour is counted over again while it lasts and once when it is over: nothing is left out, and nothing counted twice.
func TestWorker_Counts(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	e.Clock.Advance(time.Hour - time.Duration(e.Clock.Now().UnixNano()%int64(time.Hour))) // to the beginning of an hour
	worker, other := stats.NewWorker(e.Store, e.Clock.Now), stats.NewWorker(e.Store, e.Clock.Now)
	count := func(w *stats.Worker, want bool) {
		t.Helper()
		if worked, err := w.Count(t.Context()); err != nil || worked != want {
			t.Fatalf("worked is %v (%v), want %v", worked, err, want)
		}
	}
	e.Person(t, signup.RegisterInput{Email: "ada@example.com"})
	count(worker, true)
	count(other, false) // one node at a time
	link, password := stats.Labels{Result: "success", Method: "link"}, stats.Labels{Result: "success", Method: "password"}
	wrong := stats.Labels{Result: string(authcore.InvalidCredentials), Method: "password"}
	is := func(name string, labels stats.Labels, want ...int64) {
		t.Helper()
		if got := figuresOf(t, e, name, labels); !slices.Equal(got, want) {
			t.Errorf("%s %v: %d, want %d", name, labels, got, want)
		}
	}
	is(stats.SignIns, link, 1)
	is(stats.AccountsCreated, stats.Labels{}, 1)
	is(stats.SessionsActive, stats.Labels{}, 1)
	is(stats.MailQueue, stats.Labels{}, 0)

	e.Clock.Advance(59 * time.Minute)
	if _, err := e.TrySignIn(t, "ada@example.com", "wrong"); authcore.CodeOf(err) != authcore.InvalidCredentials {
		t.Fatal(err)
	}
	e.Clock.Advance(2 * time.Minute) // nobody counted since
	if _, err := e.TrySignIn(t, "ada@example.com", testflow.Password); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		count(other, true)
		is(stats.SignIns, link, 1, 0)
		is(stats.SignIns, password, 0, 1)
		is(stats.SignIns, wrong, 1, 0)
		is(stats.AccountsCreated, stats.Labels{}, 1, 0)
		is(stats.SessionsActive, stats.Labels{}, 1, 2)
		e.Clock.Advance(time.Minute)
	}
}

func TestSeries_Spans(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	now := e.Clock.Now()
	for name, c := range map[string]struct {
		from, to time.Time
		want     authcore.Rule
	}{
		"nothing said":      {},
		"a year":            {from: now.Add(-366 * 24 * time.Hour), to: now},
		"more than a year":  {from: now.Add(-366*24*time.Hour - 1), to: now, want: authcore.SpanTooLong},
		"backwards":         {from: now, to: now.Add(-1), want: authcore.SpanEmpty},
		"from the future":   {from: now.Add(time.Second), want: authcore.SpanEmpty},
		"of a single point": {from: now, to: now, want: authcore.SpanEmpty},
	} {
		_, err := e.Stats.Series(t.Context(), c.from, c.to)
		var refusal *authcore.Error
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &refusal) || refusal.Fields.At("from")[0].Rule != c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A node that has written nothing for a while is lost, whatever it wrote.
func TestNodes_Lost(t *testing.T) {
	t.Parallel()
	e := testflow.New(t, testflow.Options{})
	id := uuid.New()
	beat := stats.Heartbeat{Store: e.Store, Now: e.Clock.Now, Look: func() stats.Node {
		return stats.Node{ID: id, Version: "v1", State: stats.NodeReady, StartedAt: e.Clock.Now()}
	}}
	if err := beat.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{stats.NodeReady, stats.NodeLost} {
		nodes, err := e.Stats.Nodes(t.Context())
		if err != nil || len(nodes) != 1 || nodes[0].State != want {
			t.Errorf("%+v (%v), want %s", nodes, err, want)
		}
		e.Clock.Advance(31 * time.Second)
	}
}
