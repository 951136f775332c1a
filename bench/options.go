package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// options are the command line.
type options struct {
	rounds int
	slice  time.Duration
	only   []string // names of cases and sections; empty means all
	quick  bool
	doc    bool
	out    string
	binary string // the gateway's, built before

	flood int // distinct tokens of the flood
	few   int // cached tokens whose memory is measured: as many as surely fit
	many  int // distinct tokens that the cap of the cache is measured with
	count int // runs of each Go benchmark

	accounts int    // of a big gateway, for its administration
	requests int    // for each list and page
	store    string // over which they are; "" is each

	revocations int // sign-outs whose way to another node is timed
}

// Names of the sections beside the cases.
const (
	sectionIsolation = "isolation"
	sectionStarts    = "starts"
	sectionMemory    = "memory"
	sectionGo        = "go"
	sectionLag       = "lag"
	sectionLists     = "administration"
	sectionDialects  = "dialects"
)

func parseOptions(args []string, usage io.Writer) (o options, err error) {
	o = options{flood: 100_000, few: 10_000, many: 200_000, count: 6, accounts: 1_000_000, requests: 500, revocations: 1000}
	set := flag.NewFlagSet("bench", flag.ContinueOnError)
	set.SetOutput(usage)
	set.IntVar(&o.rounds, "rounds", 12, "rounds of each case, and starts of the binary")
	set.DurationVar(&o.slice, "slice", 3*time.Second, "length of a slice, in whole seconds")
	set.BoolVar(&o.quick, "quick", false, "few short slices, to see that everything works")
	set.BoolVar(&o.doc, "doc", false, "write the figures into docs/performance.md and docs/performance.svg as well")
	set.IntVar(&o.accounts, "accounts", o.accounts, "accounts of the gateway that is administered")
	set.IntVar(&o.requests, "requests", o.requests, "requests for each of its lists and pages")
	set.StringVar(&o.store, "store", "", "SQLite or Postgres: over which alone it is administered")
	set.StringVar(&o.out, "out", "results", "folder of the results")
	set.StringVar(&o.binary, "binary", filepath.Join(root, "bin", "gatehouse"), "the gateway to measure, which is bare Caddy as well")
	names := append(caseNames(), sectionIsolation, sectionStarts, sectionMemory, sectionLag, sectionLists, sectionDialects, sectionGo)
	only := set.String("cases", "", "comma-separated; of "+strings.Join(names, " "))
	if err := set.Parse(args); err != nil {
		return o, err
	}
	if o.quick {
		o.accounts, o.requests = min(o.accounts, 20_000), min(o.requests, 5)
		o.rounds, o.slice = min(o.rounds, 2), time.Second
		o.flood, o.few, o.many, o.count, o.revocations = 5_000, 2_000, 30_000, 1, 20
	}
	switch {
	case o.store != "" && !slices.Contains(stores, o.store):
		return o, fmt.Errorf("-store: %q is none of %s", o.store, strings.Join(stores, " "))
	case set.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q", set.Arg(0))
	case o.rounds < 1:
		return o, errors.New("-rounds must be at least 1")
	case o.slice < time.Second || o.slice%time.Second != 0:
		return o, errors.New("-slice must be whole seconds, for wrk knows no others")
	case o.doc && (o.quick || *only != ""):
		return o, errors.New("-doc wants a whole run: neither -quick nor -cases")
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	for _, name := range o.only {
		if !slices.Contains(names, name) {
			return o, fmt.Errorf("-cases: %q is none of %s", name, strings.Join(names, " "))
		}
	}
	return o, nil
}

// wants tells whether a case or section is to be measured.
func (o options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }
