package main

import (
	"io"
	"reflect"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

func TestParseBenchmarks(t *testing.T) {
	t.Parallel()
	const out = `goos: linux
cpu: AMD EPYC
BenchmarkGuard_Hot/revocations=10000   	 1000	  900 ns/op	 16 B/op	 1 allocs/op
BenchmarkGuard_Hot/revocations=10000   	 1000	 1100 ns/op	 16 B/op	 1 allocs/op
BenchmarkGuard_Hot/revocations=10000-2 	 2000	  600 ns/op	 16 B/op	 1 allocs/op
BenchmarkRefresh/sqlite-2              	   12	  7e+08 ns/op	 0.75 ratio
PASS
`
	got, err := parseBenchmarks(out, 2)
	if err != nil {
		t.Fatal(err)
	}
	one := func(v float64) figures.Spread { return figures.Of([]float64{v}) }
	want := []report.Benchmark{
		// 10000 is the benchmark's own number: the machine has two processors.
		{Name: "Guard_Hot/revocations=10000", Procs: 1, Metrics: map[string]figures.Spread{
			"ns/op": figures.Of([]float64{900, 1100}), "B/op": figures.Of([]float64{16, 16}), "allocs/op": figures.Of([]float64{1, 1})}},
		{Name: "Guard_Hot/revocations=10000", Procs: 2, Metrics: map[string]figures.Spread{"ns/op": one(600), "B/op": one(16), "allocs/op": one(1)}},
		{Name: "Refresh/sqlite", Procs: 2, Metrics: map[string]figures.Spread{"ns/op": one(7e8), "ratio": one(0.75)}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if _, err := parseBenchmarks("BenchmarkX 1 fast ns/op\n", 2); err == nil {
		t.Error("a value that is no number is no error")
	}
}

func TestParseOptions(t *testing.T) {
	t.Parallel()
	for _, bad := range [][]string{{"-rounds", "0"}, {"-slice", "1500ms"}, {"-slice", "0"}, {"-cases", "nothing"}, {"-cases", "go,"}, {"-doc", "-quick"}, {"-doc", "-cases", "go"}, {"more"}} {
		if _, err := parseOptions(bad, io.Discard); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	o, err := parseOptions([]string{"-quick", "-cases", "revoked,go"}, io.Discard)
	if err != nil || o.rounds != 2 || o.slice != time.Second || !o.wants("go") || !o.wants("revoked") || o.wants(bearerSeen) {
		t.Errorf("got %+v, %v", o, err)
	}
	o, err = parseOptions(nil, io.Discard)
	if err != nil || o.rounds != 12 || o.flood != 100_000 || o.many != 200_000 || !o.wants(sectionMemory) {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestSetGoals(t *testing.T) {
	t.Parallel()
	r := &report.Report{
		Isolation: &report.Isolation{Rate: figures.Of([]float64{0.5}), P99: figures.Of([]float64{4})},
		Benchmarks: []report.Benchmark{{Name: "Refresh/sqlite", Metrics: map[string]figures.Spread{"ratio": figures.Of([]float64{3.01})}},
			{Name: "Guard_Hot", Metrics: map[string]figures.Spread{"ns/op": figures.Of([]float64{1})}}},
	}
	setGoals(r)
	var held []bool
	for _, g := range r.Goals {
		held = append(held, g.Held)
	}
	if want := []bool{true, false, false}; !reflect.DeepEqual(held, want) {
		t.Errorf("held %v, want %v", held, want)
	}
}
