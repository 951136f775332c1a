package main

import (
	"strings"

	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

// setGoals compares what was measured with what has to hold.
func setGoals(r *report.Report) {
	for _, c := range r.Cases {
		cpu, rate := c.Ratios.ProxyCPU.Median, c.Ratios.Rate.Median
		switch c.Name {
		case bearerSeen, cookieSeen, afterFlood, nodeBearer, nodeCookie, bearerTLS:
			r.AtMost(c.Title+": proxy CPU", cpu, 1.05, " ×")
			r.AtLeast(c.Title+": req/s", rate, 0.92, " ×")
		case cookieUnseen:
			r.AtMost(c.Title+": proxy CPU", cpu, 1.22, " ×")
		case bearerUnseen:
			r.AtMost(c.Title+": proxy CPU", cpu, 2.0, " ×")
		case junkForged, junkText:
			r.AtMost(c.Title+": proxy CPU, of a served bare request", cpu, 1.0, " ×")
		}
	}
	if i := r.Isolation; i != nil {
		r.AtLeast("guarded req/s beside saturated sign-ins", i.Rate.Median, 0.45, " ×")
		r.AtMost("p99 of the same", i.P99.Median, 3, " ×")
	}
	if s := r.Starts; s != nil {
		r.AtMost("start to readyz, the first time", s.FirstMillis.Median, 1000, " ms")
		r.AtMost("start to readyz, over a database", s.AgainMillis.Median, 1000, " ms")
		r.AtMost("resident before the first sign-in, more than bare Caddy", s.AddedMiB.Median, 25, " MiB")
		r.AtMost("anonymous of it", s.AddedAnonymousMiB.Median, 10, " MiB")
	}
	if m := r.Memory; m != nil {
		r.AtMost("live heap per cached session", m.PerSession, 1024, " bytes")
		r.AtMost("growth of the live heap by a flood", float64(m.ManyBytes)/(1<<20), 1.2*float64(m.CapBytes)/(1<<20), " MiB")
	}
	if l := r.Lag; l != nil {
		r.AtMost("a sign-out's way to another node: median", l.Median, 5, " ms")
		r.AtMost("a sign-out's way to another node: p99", l.P99, 50, " ms")
		r.AtMost("a sign-out's way to another node: longest", l.Longest, 1000, " ms")
	}
	setListGoals(r)
	if d := r.Dialects; d != nil {
		least := map[string]float64{report.Verify: 10, report.Refresh: 5}
		for _, c := range d.Calls {
			r.AtLeast("simplejwt, "+c.Name+": req/s, of the package's", c.Rate.Median, least[c.Name], " ×")
			r.AtMost("simplejwt, "+c.Name+": wrong answers", float64(c.Own.Wrong+c.Package.Wrong), 0, "")
		}
	}
	setCallGoals(r)
	setGuardGoals(r)
	wrong := 0
	for _, c := range r.Cases {
		wrong += c.Own.Wrong + c.Bare.Wrong
	}
	if len(r.Cases) > 0 {
		r.AtMost("wrong answers of all", float64(wrong), 0, "")
	}
}

// setListGoals judges the slowest of what administrators look at, over each store.
func setListGoals(r *report.Report) {
	slowest, stores := map[string]report.List{}, []string{}
	for _, l := range r.Lists {
		if _, ok := slowest[l.Store]; !ok {
			stores = append(stores, l.Store)
		}
		if l.P99 >= slowest[l.Store].P99 {
			slowest[l.Store] = l
		}
	}
	for _, store := range stores {
		r.AtMost("administration over "+store+": p99 of the slowest, "+slowest[store].What, slowest[store].P99, 50, " ms")
	}
}

// setCallGoals judges the Go benchmarks of a look-up, a refresh and a sign-in.
func setCallGoals(r *report.Report) {
	for _, b := range r.Benchmarks {
		if strings.HasPrefix(b.Name, "Check/1M/") {
			if b.Name == "Check/1M/live" { // who is revoked is refused, at whatever cost
				r.AtMost("look-up among 1 M revocations, live", b.Metrics["ns/op"].Median, 100, " ns")
			}
			if size, ok := b.Metrics["MiB"]; ok {
				r.AtMost("1 M revocations in memory", size.Median, 64, " MiB")
			}
		}
		ratio, found := b.Metrics["ratio"]
		switch {
		case !found:
		case strings.HasPrefix(b.Name, "Refresh"):
			r.AtMost(b.Name+": processor time, of the bare update's", ratio.Median, 3, " ×")
		case strings.HasPrefix(b.Name, "Login"):
			r.AtMost(b.Name+": time, of its password hash's", ratio.Median, 1.05, " ×")
		}
	}
}

// setGuardGoals judges the Go benchmark of the guard: its allocations, which no other load on the machine changes, its processor
// time, the least of the counts, for what disturbs one only adds to it, and what a second processor adds.
func setGuardGoals(r *report.Report) {
	single := map[string]float64{} // ns/op on one processor
	for _, b := range r.Benchmarks {
		size, ok := strings.CutPrefix(b.Name, "Guard/")
		if !ok {
			continue
		}
		own, all := b.Metrics["guard-ns/op"].Min, b.Metrics["ns/op"].Min
		switch {
		case b.Procs > 1:
			if one := single[b.Name]; one > 0 {
				r.AtLeast("guard, "+size+": second processor", one/all, 1.6, " ×")
			}
			continue
		case strings.Contains(size, "/sessions=1/"):
			r.AtMost("guard, "+size, own, 1000, " ns")
		case strings.Contains(size, "/sessions=100000/"):
			r.AtMost("guard, "+size, own, 3000, " ns")
		}
		// The requests' own are among them: each is made twice.
		limit := 8.0
		if strings.HasPrefix(size, "cookie/") {
			limit = 10
		}
		r.AtMost("guard, "+size+": allocations", b.Metrics["allocs/op"].Median, limit, "")
		single[b.Name] = all
	}
}
