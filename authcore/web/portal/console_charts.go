package portal

import (
	"strconv"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// consoleChart is columns over time, drawn as SVG, and the same as a table. Numbers and names stand beside the drawing, which is stretched.
type consoleChart struct {
	ID, Title   string
	Columns     int // of the drawing, which is as high as chartHeight
	Bars        []chartBar
	Legend      []chartLegend
	Most        int64  // what the top stands for
	First, Last string // when the first column begins, and the last
	AsTable     string // what opens the table
	Table       consoleTable
}

// chartBar is a part of a column; Class says of which series.
type chartBar struct {
	X, Class  int
	Y, Height float64
}

// chartLegend names a series. Value is its sum, or what it is now.
type chartLegend struct {
	Class int
	Name  string
	Value int64
}

// chartSeries is what a chart shows: one number for each column.
type chartSeries struct {
	name   string
	points []int64
	bad    bool // it counts failures, and is red
}

const chartHeight = 100

// The colours of series: red is that of failures, and of a sixth series that is none.
const redClass = 1

var chartClasses = []int{0, 2, 3, 4, 5, redClass}

// classesOf returns the colour of each series.
func classesOf(all []chartSeries) []int {
	classes, next := make([]int, len(all)), 0
	for i, s := range all {
		if classes[i] = redClass; !s.bad {
			classes[i] = chartClasses[next%len(chartClasses)]
			next++
		}
	}
	return classes
}

// chartSpan is how much time charts show, and how much of it a column is.
type chartSpan struct {
	word        string // in the address
	text        string
	whole, step time.Duration
	shortest    string // how the beginning of a column is written
}

// times returns the beginnings of the columns that end with the one of now.
func (s chartSpan) times(now time.Time) []time.Time {
	last := now.UTC().Truncate(s.step)
	all := make([]time.Time, 0, s.whole/s.step)
	for at := last.Add(s.step - s.whole); !at.After(last); at = at.Add(s.step) {
		all = append(all, at)
	}
	return all
}

// columns puts the points of the series that fit into columns: the sum of each column, or of what is of one moment the last.
func columns(all []stats.Series, times []time.Time, step time.Duration, fits func(stats.Series) bool) []int64 {
	sums := make([]int64, len(times))
	for _, s := range all {
		if !fits(s) {
			continue
		}
		for _, p := range s.Points {
			i := int(p.Hour.Sub(times[0]) / step)
			switch {
			case p.Hour.Before(times[0]) || i >= len(sums):
			case s.Name == stats.SessionsActive || s.Name == stats.MailQueue:
				sums[i] = p.N // the points are in their order
			default:
				sums[i] += p.N
			}
		}
	}
	return sums
}

// drawChart stacks the series in columns.
func drawChart(q *page.Request, id, title string, times []time.Time, format string, moment bool, all ...chartSeries) consoleChart {
	c := consoleChart{ID: id, Title: title, Columns: len(times), First: times[0].Format(format), Last: times[len(times)-1].Format(format),
		AsTable: q.T("console.chart.table"), Table: consoleTable{ID: id + "-table", Title: title, Head: []string{q.T("console.chart.from")}}}
	c.Table.Compact = len(all) < 3
	totals, classes := make([]int64, len(times)), classesOf(all)
	for series, s := range all {
		entry := chartLegend{Class: classes[series], Name: s.name}
		for i, n := range s.points {
			totals[i] += n
			entry.Value += n
		}
		if moment {
			entry.Value = s.points[len(s.points)-1]
		}
		c.Legend = append(c.Legend, entry)
		c.Table.Head = append(c.Table.Head, s.name)
	}
	for _, n := range totals {
		c.Most = max(c.Most, n)
	}
	for i, at := range times {
		row := consoleRow{Cells: []consoleCell{{At: at}}}
		top := float64(chartHeight)
		for series, s := range all {
			row.Cells = append(row.Cells, consoleCell{Text: strconv.FormatInt(s.points[i], 10)})
			if s.points[i] > 0 {
				height := float64(s.points[i]) / float64(c.Most) * chartHeight
				top -= height
				c.Bars = append(c.Bars, chartBar{X: i, Class: classes[series], Y: top, Height: height})
			}
		}
		c.Table.Rows = append(c.Table.Rows, row)
	}
	return c
}
