package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

// suite is the Go benchmarks of one package.
type suite struct {
	folder, pattern string
	args            []string
	env             []string
}

func (b *bench) suites() []suite {
	rounds := fmt.Sprintf("-test.benchtime=%dx", b.rounds)
	return []suite{
		{"caddymodule", "^BenchmarkGuard", []string{"-test.cpu=1,2", "-test.benchmem", fmt.Sprintf("-test.count=%d", b.count)}, nil},
		{"authcore/edge/revocation", "^BenchmarkCheck", []string{"-test.cpu=1", "-test.benchmem", fmt.Sprintf("-test.count=%d", b.count)}, nil},
		{"authcore/account/session", "^BenchmarkRefresh", []string{rounds}, nil},
		// In memory: a disk that commits slowly would be measured, and not what a sign-in does beside its hash.
		{"authcore/account/signin", "^BenchmarkLogin", []string{rounds}, []string{"TMPDIR=/dev/shm"}},
	}
}

// benchmarks runs the Go benchmarks. Each package's test binary is run by itself and not by the go command, so that an
// interrupt reaches it.
func (b *bench) benchmarks(ctx context.Context) error {
	for i, s := range b.suites() {
		say("Go benchmarks of %s", s.folder)
		folder, err := filepath.Abs(filepath.Join(root, s.folder))
		if err != nil {
			return err
		}
		binary := filepath.Join(b.folder, fmt.Sprintf("suite-%d.test", i))
		build := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, ".")
		build.Dir = folder
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("build the benchmarks of %s: %w\n%s", s.folder, err, out)
		}
		run := exec.CommandContext(ctx, binary, append([]string{"-test.run=^$", "-test.bench=" + s.pattern}, s.args...)...)
		run.Dir, run.Env = folder, append(os.Environ(), s.env...)
		out, err := run.CombinedOutput()
		if err != nil {
			return fmt.Errorf("run the benchmarks of %s: %w\n%s", s.folder, err, out)
		}
		found, err := parseBenchmarks(string(out), runtime.NumCPU())
		if err != nil {
			return fmt.Errorf("run the benchmarks of %s: %w", s.folder, err)
		}
		if len(found) == 0 {
			return fmt.Errorf("run the benchmarks of %s: there is none that matches %s", s.folder, s.pattern)
		}
		b.report.Benchmarks = append(b.report.Benchmarks, found...)
	}
	return nil
}

var procsSuffix = regexp.MustCompile(`-(\d+)$`)

// parseBenchmarks reads what `go test -bench` prints: name, iterations, and pairs of value and unit. Runs of one benchmark
// become one, in the order of their first. A name without a number of processors has run on one.
func parseBenchmarks(out string, most int) (list []report.Benchmark, err error) {
	type key struct {
		name  string
		procs int
	}
	var order []key
	values := map[key]map[string][]float64{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		name, ours := "", false
		if len(fields) >= 4 && len(fields)%2 == 0 {
			name, ours = strings.CutPrefix(fields[0], "Benchmark")
		}
		if !ours {
			continue
		}
		k := key{name, 1}
		if m := procsSuffix.FindStringSubmatch(name); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil && n > 1 && n <= most {
				k = key{strings.TrimSuffix(name, m[0]), n}
			}
		}
		if values[k] == nil {
			values[k] = map[string][]float64{}
			order = append(order, k)
		}
		for i := 2; i < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return nil, fmt.Errorf("read benchmark %s: %w", name, err)
			}
			values[k][fields[i+1]] = append(values[k][fields[i+1]], v)
		}
	}
	for _, k := range order {
		metrics := map[string]figures.Spread{}
		for unit, v := range values[k] {
			metrics[unit] = figures.Of(v)
		}
		list = append(list, report.Benchmark{Name: k.name, Procs: k.procs, Metrics: metrics})
	}
	return list, nil
}
