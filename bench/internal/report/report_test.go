package report_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
	"github.com/gatehouse-auth/gatehouse/bench/internal/report"
)

// slice is one of 1000 requests at 1000 a second, of which the proxy spent cpu each.
func slice(cpu, auth time.Duration) report.Slice {
	return report.Slice{Requests: 1000, Rate: 1000, ProxyCPU: cpu, AuthCPU: auth, P50: time.Millisecond, P99: 4 * time.Millisecond}
}

func sample() *report.Report {
	c := &report.Case{Name: "forward", Title: "forward_auth <&> \"trivial\"", Rounds: []report.Round{
		{Before: slice(100, 0), Case: slice(300, 100), After: slice(200, 0)},
		{Before: slice(100, 0), Case: slice(100, 0), After: slice(100, 0)},
		{Before: slice(100, 0), Case: slice(300, 50), After: slice(100, 0)},
	}}
	c.Rounds[1].Case.Wrong = 7
	c.Summarise()
	r := &report.Report{Date: time.Date(2026, 11, 22, 16, 0, 0, 0, time.UTC), Machine: report.Machine{Processor: "Model | X", Processors: 2},
		Versions: map[string]string{"Go": "1.26.8", "Caddy": "2.11.9"}, Settings: report.Settings{Rounds: 3, Slice: 3 * time.Second},
		Cases: []*report.Case{c}, Starts: &report.Starts{FirstMillis: figures.Of([]float64{300, 310, 340})},
		Benchmarks: []report.Benchmark{{Name: "Guard_Hot", Procs: 2, Metrics: map[string]figures.Spread{"ns/op": figures.Of([]float64{512})}}}}
	call := &report.Replaced{Name: report.Verify, Rounds: []report.Round{{Before: slice(0, 0), Case: report.Slice{Requests: 12_000, Rate: 12_000}, After: slice(0, 0)}}}
	call.Summarise()
	r.Dialects = &report.Dialects{Workers: 2, Calls: []*report.Replaced{call}}
	r.AtMost("proxy CPU", 1.2, 1.1, " ×")
	r.AtLeast("req/s", 0.95, 0.92, " ×")
	return r
}

func TestCase_Summarise(t *testing.T) {
	t.Parallel()
	c := sample().Cases[0]
	if want := (figures.Spread{Min: 1, Q1: 1.5, Median: 2, Q3: 2.5, N: 3}); c.Ratios.ProxyCPU != want {
		t.Errorf("proxy %+v, want %+v", c.Ratios.ProxyCPU, want)
	}
	if got := c.Ratios.AllCPU.Median; math.Abs(got-400.0/150) > 1e-9 {
		t.Errorf("with the authentication server %v, want 400 of 150", got)
	}
	if c.Bare.ProxyMicros.N != 6 || c.Own.Wrong != 7 {
		t.Errorf("bare %+v, own %+v", c.Bare, c.Own)
	}
}

func TestGoals(t *testing.T) {
	t.Parallel()
	r := sample()
	if r.Goals[0].Held || !r.Goals[1].Held {
		t.Errorf("got %+v", r.Goals)
	}
	text := r.Text()
	for _, want := range []string{"1.20 ×", "≤ 1.10 ×", "missed", "≥ 0.92 ×", "holds", "2.00 (1.50–2.50)", "310 (305–325) ms", "simplejwt, verify: req/s, of the package's under gunicorn with 2 workers  12.0 ×"} {
		if !strings.Contains(text, want) {
			t.Errorf("the text does not say %q:\n%s", want, text)
		}
	}
}

func TestMarkdown_RowsHaveTheHeadersColumns(t *testing.T) {
	t.Parallel()
	columns := 0
	for line := range strings.Lines(sample().Markdown()) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		if n := strings.Count(line, "|"); columns == 0 {
			columns = n
		} else if n != columns {
			t.Errorf("%d columns under a header of %d: %s", n-1, columns-1, line)
		}
	}
}

func TestJSON_ComesBackWhole(t *testing.T) {
	t.Parallel()
	want := sample()
	text, err := want.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got report.Report
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Cases) != 1 || got.Cases[0].Rounds[1] != want.Cases[0].Rounds[1] || got.Goals[1] != want.Goals[1] {
		t.Errorf("got %+v", got)
	}
}

func TestChart_IsWellFormedAndWithinItsBox(t *testing.T) {
	t.Parallel()
	r := sample()
	r.Cases[0].Ratios.AllCPU.Q3 = 7.3
	chart := r.Chart(func(name string) bool { return name == "forward" })
	d := xml.NewDecoder(strings.NewReader(chart))
	bars := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, chart)
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			if strings.Contains(a.Value, "NaN") || strings.Contains(a.Value, "%!") {
				t.Errorf("%s has %s=%q", e.Name.Local, a.Name.Local, a.Value)
			}
			if a.Name.Local == "class" && (a.Value == "bare" || a.Value == "peer" || a.Value == "ours") {
				bars++
			}
		}
	}
	if bars != 2 {
		t.Errorf("%d bars, want the baseline and one case", bars)
	}
	if !strings.Contains(chart, "forward_auth &lt;&amp;&gt;") {
		t.Error("the title is missing or not escaped")
	}
}

func TestInsert(t *testing.T) {
	t.Parallel()
	const first, last = "<!-- figures: written by make bench BENCH=-doc -->", "<!-- end of figures -->"
	document := "# Speed\n\n" + first + "\nold\n" + last + "\n\nThe end.\n"
	once, err := report.Insert(document, "new\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "# Speed\n\n" + first + "\n\nnew\n\n" + last + "\n\nThe end.\n"; once != want {
		t.Errorf("got %q, want %q", once, want)
	}
	if twice, err := report.Insert(once, "new"); err != nil || twice != once {
		t.Errorf("a second time: %q, %v", twice, err)
	}
	for _, bad := range []string{"", first, last + first} {
		if _, err := report.Insert(bad, "new"); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
