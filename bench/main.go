package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/load"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
	"github.com/gatehouse-auth/gatehouse/bench/internal/rig"
)

func main() {
	if len(os.Args) == 4 && os.Args[1] == rig.RoleArgument {
		complain(rig.Play(os.Args[2], os.Args[3]))
		return
	}
	o, err := parseOptions(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	complain(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, o)
	stop()
	complain(err)
}

func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// root is the project's folder: the program is run in its own.
const root = ".."

// run measures everything asked for and writes the results. It removes what it made, however it ends.
func run(ctx context.Context, o options) (err error) {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("find the gateway, which make build makes: %w", err)
	}
	folder, err := os.MkdirTemp("", "gatehouse-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	wrk, err := load.FindWrk(folder)
	if err != nil {
		return err
	}
	r := &report.Report{Date: time.Now(), Settings: report.Settings{Rounds: o.rounds, Slice: o.slice, Flood: o.flood, Quick: o.quick}}
	if r.Machine, err = thisMachine(); err != nil {
		return err
	}
	if r.Versions, err = versions(ctx, binary, wrk); err != nil {
		return err
	}
	if err := measure(ctx, &bench{options: o, wrk: wrk, report: r, folder: folder}, binary); err != nil {
		return err
	}
	setGoals(r)
	return write(o, r)
}

// bench is a run.
type bench struct {
	options
	folder string
	rig    *rig.Rig
	wrk    *load.Wrk
	stock  *stock
	nodes  *rig.Cluster // nil until a case needs it
	report *report.Report
}

func measure(ctx context.Context, b *bench, binary string) (err error) {
	b.rig, err = rig.New(b.folder, binary)
	if b.rig != nil {
		defer func() { err = errors.Join(err, b.rig.Close()) }()
	}
	if err != nil {
		return err
	}
	if len(b.only) != 1 || !b.wants(sectionLists) { // which has accounts of its own
		if b.stock, err = b.fill(ctx); err != nil {
			return err
		}
	}
	for _, section := range []struct {
		name string
		run  func(context.Context) error
	}{
		{sectionStarts, b.starts}, {sectionMemory, b.memory}, {"", b.cases}, {sectionIsolation, b.isolation}, {sectionLag, b.lag},
		{sectionLists, b.administration}, {sectionDialects, b.dialects}, {sectionGo, b.benchmarks},
	} {
		if section.name != "" && !b.wants(section.name) {
			continue
		}
		if err := section.run(ctx); err != nil {
			return err
		}
	}
	return nil
}

// say tells on standard error what is being done: a run takes half an hour.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", args...)
}

// write puts the results where they belong: text to standard output, everything into the folder of results.
func write(o options, r *report.Report) error {
	text := r.Text()
	fmt.Print(text)
	encoded, err := r.JSON()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.out, 0o755); err != nil {
		return err
	}
	chart := r.Chart(isPeer)
	files := map[string][]byte{".txt": []byte(text), ".json": encoded}
	if len(r.Cases) > 0 {
		files[".svg"] = []byte(chart)
	}
	for suffix, content := range files {
		if err := os.WriteFile(filepath.Join(o.out, r.FileName()+suffix), content, 0o644); err != nil {
			return err
		}
	}
	where, err := filepath.Abs(filepath.Join(o.out, r.FileName()))
	if err != nil {
		return err
	}
	fmt.Printf("\nThe same, every slice and the chart: %s.*\n", where)
	if !o.doc {
		return nil
	}
	docs := filepath.Join(root, "docs")
	if err := report.InsertFile(filepath.Join(docs, "performance.md"), r.Markdown()); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(docs, "performance.svg"), []byte(chart), 0o644)
}
