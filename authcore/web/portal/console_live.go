package portal

import (
	_ "embed"
	"encoding/json"
	"html/template"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// liveScript adds events to the list as they happen, once somebody asks for it. Browsers that run no scripts do not see its button, and are
// told what to do instead.
//
//go:embed console_live.js
var liveScript string

// The policy lets that script run, and follow events.
var livePolicy = strings.Replace(page.Policy, "; ", "; script-src 'sha256-"+digestOf(liveScript)+"'; connect-src 'self'; ", 1)

// followsEvents adds the script to the list of events. filter is the query of the list, mark that of when it was read.
func followsEvents(q *page.Request, v *page.View, filter, mark string) error {
	if filter != "" {
		filter += "&"
	}
	head, err := json.Marshal(eventHead(q))
	if err != nil {
		return err
	}
	var out strings.Builder
	out.WriteString(`<div id="live" hidden`)
	for _, said := range [][2]string{{"from", q.Path("/admin/events/stream") + "?" + filter}, {"mark", mark}, {"head", string(head)}, {"title", q.T("console.events")},
		{"operator", q.T("console.event.operator")}, {"on", q.T("console.live.on")}, {"off", q.T("console.live.off")}, {"again", q.T("console.live.again")},
		{"lost", q.T("console.live.lost")}, {"count", q.T("console.live.count")}} {
		out.WriteString(" data-" + said[0] + `="` + template.HTMLEscapeString(said[1]) + `"`)
	}
	out.WriteString(`><div class="narrow"><button type="button" class="quiet" aria-pressed="false">` + template.HTMLEscapeString(q.T("console.live.button")) +
		`</button> <p role="status"></p></div></div><noscript><p>` + template.HTMLEscapeString(q.T("console.live.without")) + `</p></noscript>`)
	q.W.Header().Set("Content-Security-Policy", livePolicy)
	v.Script = template.HTML(out.String() + `<script type="module">` + liveScript + `</script>`) //nolint:gosec // what is not ours is escaped
	return nil
}
