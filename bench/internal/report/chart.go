package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strings"

	"github.com/gatehouse-auth/gatehouse/bench/internal/figures"
)

// The chart's measures, in pixels.
const (
	chartWidth  = 780
	labelWidth  = 300
	rightMargin = 90
	topMargin   = 70
	rowHeight   = 30
	barHeight   = 16
	footHeight  = 34
)

// style colours the chart. It brings its own ground with it, in the reader's scheme, so that it stays legible on a page whose
// scheme is the other one.
const style = `
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#1f2328}
.title{font-size:16px;font-weight:600}.small{font-size:12px;fill:#59636e}
.ground{fill:#ffffff;stroke:#d1d9e0}.grid{stroke:#d1d9e0}.one{stroke:#59636e;stroke-dasharray:4 3}
.bare{fill:#8c959f}.ours{fill:#1f6feb}.peer{fill:#bc6c25}.range{stroke:#1f2328;stroke-width:1.5}
@media(prefers-color-scheme:dark){text{fill:#f0f6fc}.small{fill:#9198a1}
.ground{fill:#0d1117;stroke:#3d444d}.grid{stroke:#3d444d}.one{stroke:#9198a1}
.bare{fill:#6e7681}.ours{fill:#58a6ff}.peer{fill:#dd9a5b}.range{stroke:#f0f6fc}}
`

// bar is one row of the chart.
type bar struct {
	label, class string
	value        figures.Spread
}

// Chart returns an SVG of the processor time per request of each case, the authentication server's included, as a multiple of
// bare Caddy's. Cases for which peer is true have another colour.
func (r *Report) Chart(peer func(name string) bool) string {
	bars := []bar{{"bare Caddy reverse_proxy", "bare", figures.Spread{Q1: 1, Median: 1, Q3: 1, N: 1}}}
	most := 1.0
	for _, c := range r.Cases {
		class := "ours"
		if peer(c.Name) {
			class = "peer"
		}
		bars = append(bars, bar{c.Title, class, c.Ratios.AllCPU})
		most = max(most, c.Ratios.AllCPU.Q3)
	}
	top := math.Ceil(most*2) / 2
	scale := func(v float64) float64 { return labelWidth + v/top*(chartWidth-labelWidth-rightMargin) }
	bottom := topMargin + rowHeight*len(bars)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %[1]d %[2]d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="title">`+"\n",
		chartWidth, bottom+footHeight)
	fmt.Fprintf(&b, "<style>%s</style>\n", style)
	b.WriteString("<title id=\"title\">Processor time per request, as a multiple of bare Caddy</title>\n")
	fmt.Fprintf(&b, `<rect class="ground" x=".5" y=".5" width="%d" height="%d" rx="8"/>`+"\n", chartWidth-1, bottom+footHeight-1)
	b.WriteString(`<text class="title" x="20" y="30">Processor time per request, as a multiple of bare Caddy</text>` + "\n")
	fmt.Fprintf(&b, `<text class="small" x="20" y="50">proxy and authentication server together; shorter is better; lines: quartiles of %d rounds</text>`+"\n", r.Settings.Rounds)
	for v := 0.0; v <= top; v += 0.5 {
		class := "grid"
		if v == 1 {
			class = "one"
		}
		fmt.Fprintf(&b, `<line class="%[1]s" x1="%.1[2]f" x2="%.1[2]f" y1="%[3]d" y2="%[4]d"/><text class="small" text-anchor="middle" x="%.1[2]f" y="%[5]d">%.1[6]f</text>`+"\n",
			class, scale(v), topMargin-4, bottom, bottom+18, v)
	}
	for i, row := range bars {
		row.draw(&b, topMargin+i*rowHeight, scale)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func (r bar) draw(b *strings.Builder, y int, scale func(float64) float64) {
	middle := y + rowHeight/2
	var label strings.Builder
	_ = xml.EscapeText(&label, []byte(r.label)) // a strings.Builder takes everything
	fmt.Fprintf(b, `<text text-anchor="end" x="%d" y="%d">%s</text>`, labelWidth-10, middle+4, label.String())
	fmt.Fprintf(b, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d" rx="2"/>`, r.class, scale(0), middle-barHeight/2,
		max(scale(r.value.Median)-scale(0), 0.5), barHeight)
	if r.value.Q1 != r.value.Q3 {
		fmt.Fprintf(b, `<line class="range" x1="%.1[1]f" x2="%.1[2]f" y1="%[3]d" y2="%[3]d"/>`, scale(r.value.Q1), scale(r.value.Q3), middle)
	}
	fmt.Fprintf(b, `<text x="%.1f" y="%d">%s ×</text>`+"\n", scale(max(r.value.Q3, r.value.Median))+8, middle+4, number(r.value.Median))
}
