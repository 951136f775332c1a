package report

import (
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/proc"
)

// Report is all that a run has found out. A section that was not asked for is nil or empty.
type Report struct {
	Date       time.Time         `json:"date"`
	Machine    Machine           `json:"machine"`
	Versions   map[string]string `json:"versions"`
	Settings   Settings          `json:"settings"`
	Cases      []*Case           `json:"cases,omitempty"`
	Isolation  *Isolation        `json:"isolation,omitempty"`
	Starts     *Starts           `json:"starts,omitempty"`
	Memory     *Memory           `json:"memory,omitempty"`
	Lag        *Lag              `json:"lag,omitempty"`
	Lists      []List            `json:"lists,omitempty"`
	Dialects   *Dialects         `json:"dialects,omitempty"`
	Benchmarks []Benchmark       `json:"benchmarks,omitempty"`
	Goals      []Goal            `json:"goals"`
}

// Machine is where it ran.
type Machine struct {
	Processor  string `json:"processor"`
	Processors int    `json:"processors"`
	MemoryMiB  int    `json:"memory_mib"`
	Kernel     string `json:"kernel"`
}

// Settings are the options of the run.
type Settings struct {
	Rounds int           `json:"rounds"`
	Slice  time.Duration `json:"slice_ns"`
	Flood  int           `json:"flood"` // distinct tokens of the flood
	Quick  bool          `json:"quick"`
}

// Case is one way to send requests, measured in Rounds.
type Case struct {
	Name   string  `json:"name"`
	Title  string  `json:"title"`
	Rounds []Round `json:"rounds"`
	Ratios Ratios  `json:"ratios"`
	Bare   Figures `json:"bare"`
	Own    Figures `json:"own"`
}

// Round is a slice of the case between two of its baseline.
type Round struct {
	Before Slice `json:"before"`
	Case   Slice `json:"case"`
	After  Slice `json:"after"`
}

// Slice is a few seconds of one load. CPU is per request.
type Slice struct {
	Requests int           `json:"requests"`
	Rate     float64       `json:"rate"`            // requests a second
	ProxyCPU time.Duration `json:"proxy_cpu_ns"`    // of the proxy's processes
	AuthCPU  time.Duration `json:"auth_cpu_ns"`     // of the authentication server, where there is one
	P50      time.Duration `json:"p50_ns"`          //
	P99      time.Duration `json:"p99_ns"`          //
	Wrong    int           `json:"wrong,omitempty"` // answers that were not the expected ones, or none
	Steal    float64       `json:"steal"`           // share of the machine's time that its host gave to others
}

// Ratios are multiples of the baseline.
type Ratios struct {
	ProxyCPU figures.Spread `json:"proxy_cpu"`
	AllCPU   figures.Spread `json:"all_cpu"` // with the authentication server's
	Rate     figures.Spread `json:"rate"`
	P50      figures.Spread `json:"p50"`
	P99      figures.Spread `json:"p99"`
}

// Figures are absolute: they hold for this machine and this hour.
type Figures struct {
	ProxyMicros figures.Spread `json:"proxy_us"`
	AuthMicros  figures.Spread `json:"auth_us"`
	Rate        figures.Spread `json:"rate"`
	P50Millis   figures.Spread `json:"p50_ms"`
	P99Millis   figures.Spread `json:"p99_ms"`
	Steal       figures.Spread `json:"steal"`
	Wrong       int            `json:"wrong"`
}

// Isolation is guarded traffic beside sign-ins that saturate the pool of password hashes.
type Isolation struct {
	Rounds  []Round        `json:"rounds"`
	Rate    figures.Spread `json:"rate"` // with sign-ins, as a multiple of without
	P99     figures.Spread `json:"p99"`
	Logins  figures.Spread `json:"logins"` // sign-ins a second that got their tokens
	Callers int            `json:"callers"`
	Busy    int            `json:"busy"`   // sign-ins that were sent away with 503 or 429
	Failed  int            `json:"failed"` // sign-ins that ended in any other way
}

// Starts is how long the binary takes from its start to readyz, and what it then holds.
type Starts struct {
	FirstMillis figures.Spread `json:"first_ms"` // without a database: it makes one, and keys
	AgainMillis figures.Spread `json:"again_ms"` // over one with accounts
	Memory      []proc.Memory  `json:"memory"`   // right after each first start
	Bare        []proc.Memory  `json:"bare"`     // of bare Caddy, right after its start just before
	ResidentMiB figures.Spread `json:"resident_mib"`
	// By how much it holds more than bare Caddy: of all pages, and of those that are no file's.
	AddedMiB          figures.Spread `json:"added_mib"`
	AddedAnonymousMiB figures.Spread `json:"added_anonymous_mib"`
}

// Memory is what verified tokens take in the live heap, which is what is left after a garbage collection.
type Memory struct {
	FewTokens  int     `json:"few_tokens"` // as many as fit
	FewBytes   uint64  `json:"few_bytes"`  // by how much the live heap grew for them
	PerSession float64 `json:"per_session_bytes"`
	ManyTokens int     `json:"many_tokens"` // far more than fit
	ManyBytes  uint64  `json:"many_bytes"`  // by how much the live heap grew for them all
	CapBytes   uint64  `json:"cap_bytes"`
	Before     uint64  `json:"before"` // live heap after warming up
	Resident   uint64  `json:"resident_after_many"`
}

// Lag is how long after the answer to a sign-out another node still admitted the session's token, in milliseconds.
type Lag struct {
	Revocations int     `json:"revocations"`
	Requests    int     `json:"requests"` // guarded ones that the other node answered meanwhile
	Median      float64 `json:"median_ms"`
	P99         float64 `json:"p99_ms"`
	Longest     float64 `json:"longest_ms"`
}

// List is how long a list or page takes that an administrator looks at, in milliseconds.
type List struct {
	Store   string  `json:"store"`
	What    string  `json:"what"` // method, unless it is GET, and path
	Median  float64 `json:"median_ms"`
	P99     float64 `json:"p99_ms"`
	Longest float64 `json:"longest_ms"`
}

// Benchmark is a Go benchmark: the spread of each of its metrics over its runs.
type Benchmark struct {
	Name    string                    `json:"name"`
	Procs   int                       `json:"procs"`
	Metrics map[string]figures.Spread `json:"metrics"` // by unit: ns/op, allocs/op, …
}

// Goal is a figure that has to hold.
type Goal struct {
	Name    string  `json:"name"`
	Figure  float64 `json:"figure"`
	Limit   float64 `json:"limit"`
	AtLeast bool    `json:"at_least"` // Limit is the least; else the most
	Unit    string  `json:"unit"`
	Held    bool    `json:"held"`
}

// Summarise fills in what follows from the rounds.
func (c *Case) Summarise() {
	ratio := func(of func(Slice) float64) figures.Spread {
		return spread(c.Rounds, func(r Round) float64 { return figures.Paired(of(r.Case), of(r.Before), of(r.After)) })
	}
	c.Ratios = Ratios{
		ProxyCPU: ratio(func(s Slice) float64 { return float64(s.ProxyCPU) }),
		AllCPU:   ratio(func(s Slice) float64 { return float64(s.ProxyCPU + s.AuthCPU) }),
		Rate:     ratio(func(s Slice) float64 { return s.Rate }),
		P50:      ratio(func(s Slice) float64 { return float64(s.P50) }),
		P99:      ratio(func(s Slice) float64 { return float64(s.P99) }),
	}
	var bare, own []Slice
	for _, r := range c.Rounds {
		bare, own = append(bare, r.Before, r.After), append(own, r.Case)
	}
	c.Bare, c.Own = absolute(bare), absolute(own)
}

func absolute(slices []Slice) Figures {
	f := Figures{
		ProxyMicros: spread(slices, func(s Slice) float64 { return float64(s.ProxyCPU) / 1e3 }),
		AuthMicros:  spread(slices, func(s Slice) float64 { return float64(s.AuthCPU) / 1e3 }),
		Rate:        spread(slices, func(s Slice) float64 { return s.Rate }),
		P50Millis:   spread(slices, func(s Slice) float64 { return float64(s.P50) / 1e6 }),
		P99Millis:   spread(slices, func(s Slice) float64 { return float64(s.P99) / 1e6 }),
		Steal:       spread(slices, func(s Slice) float64 { return s.Steal }),
	}
	for _, s := range slices {
		f.Wrong += s.Wrong
	}
	return f
}

func spread[T any](list []T, of func(T) float64) figures.Spread {
	values := make([]float64, len(list))
	for i, v := range list {
		values[i] = of(v)
	}
	return figures.Of(values)
}

// Summarise fills in what follows from the rounds; the sign-ins are counted as they happen.
func (i *Isolation) Summarise() {
	i.Rate = spread(i.Rounds, func(r Round) float64 { return figures.Paired(r.Case.Rate, r.Before.Rate, r.After.Rate) })
	i.P99 = spread(i.Rounds, func(r Round) float64 {
		return figures.Paired(float64(r.Case.P99), float64(r.Before.P99), float64(r.After.P99))
	})
}

// AtMost adds a goal whose figure must not be above limit.
func (r *Report) AtMost(name string, figure, limit float64, unit string) {
	r.Goals = append(r.Goals, Goal{Name: name, Figure: figure, Limit: limit, Unit: unit, Held: figure <= limit})
}

// AtLeast adds a goal whose figure must not be below limit.
func (r *Report) AtLeast(name string, figure, limit float64, unit string) {
	r.Goals = append(r.Goals, Goal{Name: name, Figure: figure, Limit: limit, AtLeast: true, Unit: unit, Held: figure >= limit})
}
