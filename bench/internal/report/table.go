package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
)

// Table is rows of text under a header.
type Table struct {
	Title  string
	Header []string
	Rows   [][]string
	Note   string // below the table, "" for none
}

// Tables returns every section that was measured, the goals first.
func (r *Report) Tables() []Table {
	var tables []Table
	for _, t := range []Table{r.goals(), r.ratios(), r.figures(), r.others(), r.lists(), r.benchmarks()} {
		if len(t.Rows) > 0 {
			tables = append(tables, t)
		}
	}
	return tables
}

// Heading says what was measured where and when.
func (r *Report) Heading() string {
	var versions []string
	for name, version := range r.Versions {
		versions = append(versions, name+" "+version)
	}
	slices.Sort(versions)
	text := fmt.Sprintf("%s · %d × %s, %d MiB, Linux %s · %s · %d rounds, slices of %s",
		r.Date.UTC().Format("2006-01-02 15:04 UTC"), r.Machine.Processors, r.Machine.Processor, r.Machine.MemoryMiB, r.Machine.Kernel,
		strings.Join(versions, ", "), r.Settings.Rounds, r.Settings.Slice)
	if r.Settings.Quick {
		text += " · a quick run, to see that everything works: its figures mean nothing"
	}
	return text
}

func (r *Report) goals() Table {
	t := Table{Title: "Goals", Header: []string{"what", "figure", "goal", ""}}
	for _, g := range r.Goals {
		sign, held := "≤", "holds"
		if g.AtLeast {
			sign = "≥"
		}
		if !g.Held {
			held = "missed"
		}
		t.Rows = append(t.Rows, []string{g.Name, number(g.Figure) + g.Unit, sign + " " + number(g.Limit) + g.Unit, held})
	}
	return t
}

func (r *Report) ratios() Table {
	t := Table{Title: "Multiples of bare Caddy",
		Header: []string{"case", "proxy CPU", "with auth server", "req/s", "p50", "p99"},
		Note:   "Medians and quartiles over the rounds; each is the ratio of a slice to the mean of the bare ones before and after it."}
	for _, c := range r.Cases {
		t.Rows = append(t.Rows, []string{c.Title, quartiles(c.Ratios.ProxyCPU), quartiles(c.Ratios.AllCPU), quartiles(c.Ratios.Rate),
			quartiles(c.Ratios.P50), quartiles(c.Ratios.P99)})
	}
	return t
}

func (r *Report) figures() Table {
	t := Table{Title: "In absolute figures",
		Header: []string{"case", "proxy µs/req", "auth µs/req", "req/s", "p50 ms", "p99 ms", "bare µs/req", "bare req/s", "steal", "wrong"},
		Note:   "Medians. They hold for this machine and this hour. Wrong are answers that were not the expected ones, or none."}
	for _, c := range r.Cases {
		t.Rows = append(t.Rows, []string{c.Title, number(c.Own.ProxyMicros.Median), number(c.Own.AuthMicros.Median), number(c.Own.Rate.Median),
			number(c.Own.P50Millis.Median), number(c.Own.P99Millis.Median), number(c.Bare.ProxyMicros.Median), number(c.Bare.Rate.Median),
			fmt.Sprintf("%.0f %%", 100*c.Own.Steal.Median), fmt.Sprint(c.Own.Wrong + c.Bare.Wrong)})
	}
	return t
}

func (r *Report) others() Table {
	t := Table{Title: "Beside the requests", Header: []string{"what", "figure"}}
	add := func(what, figure string) { t.Rows = append(t.Rows, []string{what, figure}) }
	if i := r.Isolation; i != nil {
		add(fmt.Sprintf("guarded req/s beside %d callers that sign in, of without", i.Callers), quartiles(i.Rate)+" ×")
		add("p99 of the same", quartiles(i.P99)+" ×")
		add("sign-ins a second meanwhile", quartiles(i.Logins))
		add("sign-ins sent away with 503 or 429 · ended otherwise", fmt.Sprintf("%d · %d", i.Busy, i.Failed))
	}
	if s := r.Starts; s != nil {
		add("from start to readyz, the first time", quartiles(s.FirstMillis)+" ms")
		add("from start to readyz, over a database", quartiles(s.AgainMillis)+" ms")
		add("resident before the first sign-in", quartiles(s.ResidentMiB)+" MiB")
		add("of it more than bare Caddy · anonymous", quartiles(s.AddedMiB)+" · "+quartiles(s.AddedAnonymousMiB)+" MiB")
	}
	if m := r.Memory; m != nil {
		add(fmt.Sprintf("live heap per cached session, at %d", m.FewTokens), fmt.Sprintf("%.0f bytes", m.PerSession))
		add("the same for a million", mib(uint64(m.PerSession*1e6)))
		add(fmt.Sprintf("growth of the live heap after %d distinct tokens, cap %s", m.ManyTokens, mib(m.CapBytes)), mib(m.ManyBytes))
		add("resident after them", mib(m.Resident))
	}
	if l := r.Lag; l != nil {
		add(fmt.Sprintf("from a sign-out's answer to the first 401 of another node, %d times: median · p99 · longest", l.Revocations),
			fmt.Sprintf("%s · %s · %s ms", number(l.Median), number(l.P99), number(l.Longest)))
		add("guarded requests that the other node answered meanwhile", fmt.Sprint(l.Requests))
	}
	if d := r.Dialects; d != nil {
		for _, c := range d.Calls {
			add(fmt.Sprintf("simplejwt, %s: req/s, of the package's under gunicorn with %d workers", c.Name, d.Workers), quartiles(c.Rate)+" ×")
			add("the same in absolute figures · the package's", number(c.Own.Rate.Median)+" · "+number(c.Package.Rate.Median))
		}
	}
	return t
}

// lists has a row for each list and page, and the stores side by side.
func (r *Report) lists() Table {
	t := Table{Title: "What administrators look at, of a big gateway", Header: []string{"below /auth"}, Note: "Median · p99 · longest, in ms, of requests one after the other."}
	rows := map[string]int{}
	for _, l := range r.Lists {
		column := slices.Index(t.Header, l.Store)
		if column < 0 {
			column, t.Header = len(t.Header), append(t.Header, l.Store)
		}
		at, ok := rows[l.What]
		if !ok {
			at, rows[l.What] = len(t.Rows), len(t.Rows)
			t.Rows = append(t.Rows, []string{"`" + l.What + "`"})
		}
		for len(t.Rows[at]) <= column {
			t.Rows[at] = append(t.Rows[at], "")
		}
		t.Rows[at][column] = fmt.Sprintf("%s · %s · %s", number(l.Median), number(l.P99), number(l.Longest))
	}
	return t
}

func (r *Report) benchmarks() Table {
	t := Table{Title: "Go benchmarks", Header: []string{"benchmark", "procs", "figures"}}
	for _, b := range r.Benchmarks {
		var units []string
		for unit := range b.Metrics {
			units = append(units, unit)
		}
		slices.Sort(units)
		for i, unit := range units {
			units[i] = quartiles(b.Metrics[unit]) + " " + unit
		}
		t.Rows = append(t.Rows, []string{b.Name, fmt.Sprint(b.Procs), strings.Join(units, " · ")})
	}
	return t
}

// quartiles writes the median, and the quartiles where they are more than one value.
func quartiles(s figures.Spread) string {
	if s.N < 2 || s.Q1 == s.Q3 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Q1), number(s.Q3))
}

// number writes three significant digits, and all of those before the point.
func number(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func mib(bytes uint64) string { return number(float64(bytes)/(1<<20)) + " MiB" }

// FileName is how the files of a run are called.
func (r *Report) FileName() string { return "bench-" + r.Date.UTC().Format(time.DateOnly+"T150405Z") }
