package httpapi

import (
	"net/http"
	"reflect"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/stats"
)

// adminStatsCalls tell how the gateway fares.
type adminStatsCalls struct{ stats *stats.Flow }

func (c *adminStatsCalls) routes() []route {
	text := reflect.TypeFor[string]()
	return []route{{
		method: http.MethodGet, path: "/admin/stats", tag: tagAdmin, summary: "Show figures of each hour",
		text: "For administrators and auditors. `sign_ins` by result and method, `accounts_created`, `lockouts` and `blocks` are counts of the hour; " +
			"`sessions_active` and `mail_queue` are of the last moment of it that was looked at. The present hour is counted every minute.",
		admin: authcore.Reads, event: authcore.EventAdminStatsGet,
		does: authenticated(c.get),
		params: []param{
			{in: "query", name: "from", text: "From the hour of this time on; a day before `to` if omitted.", kind: text, format: "date-time"},
			{in: "query", name: "to", text: "Hours that begin before this time; now if omitted. At most 366 days after `from`.", kind: text, format: "date-time"},
		},
		replies: []reply{{http.StatusOK, "The figures.", statsBody{}}},
		refuses: []authcore.Code{authcore.InvalidRequest, authcore.InvalidFields},
	}, {
		method: http.MethodGet, path: "/admin/nodes", tag: tagAdmin, summary: "List the gateways on the database",
		text: "For administrators and auditors. Each node writes every 10 seconds that it lives. One that was killed shows as `lost` for an hour; one that " +
			"was stopped is gone.",
		admin: authcore.Reads, event: authcore.EventAdminNodesList,
		does:    authenticated(c.nodes),
		replies: []reply{{http.StatusOK, "The nodes.", nodeList{}}},
	}}
}

type statsBody struct {
	Series []statsSeries `json:"series"`
}

type statsSeries struct {
	Name   string            `json:"name" example:"sign_ins"`
	Labels map[string]string `json:"labels" doc:"result and method of sign_ins; empty for the others."`
	Points [][2]any          `json:"points" doc:"Pairs of the beginning of an hour and a number, the first hour first."`
}

type nodeList struct {
	Nodes []nodeEntry `json:"nodes"`
}

type nodeEntry struct {
	ID        uuid.UUID `json:"id" format:"uuid"`
	Version   string    `json:"version"`
	State     string    `json:"state" enum:"ready,unready,lost" doc:"lost: it has written nothing for 30 seconds."`
	StartedAt time.Time `json:"started_at"`
	SeenAt    time.Time `json:"seen_at"`
	ViewAge   float64   `json:"view_age" doc:"For how many seconds nothing has confirmed its view of revocations; 0 with SQLite."`
	ClockSkew float64   `json:"clock_skew" doc:"By how many seconds its machine's clock is ahead of the database's; 0 with SQLite."`
	Settings  int64     `json:"settings_version" doc:"The version of the settings that rule on it; all nodes have the same a second after a change."`
}

func (c *adminStatsCalls) get(x *call) error {
	from, err := x.queryTime("from")
	if err != nil {
		return err
	}
	to, err := x.queryTime("to")
	if err != nil {
		return err
	}
	all, err := c.stats.Series(x.r.Context(), from, to)
	if err != nil {
		return err
	}
	out := statsBody{Series: make([]statsSeries, len(all))}
	for i, s := range all {
		out.Series[i] = statsSeries{Name: s.Name, Labels: map[string]string{}, Points: make([][2]any, len(s.Points))}
		if s.Name == stats.SignIns {
			out.Series[i].Labels = map[string]string{"result": s.Labels.Result, "method": s.Labels.Method}
		}
		for j, p := range s.Points {
			out.Series[i].Points[j] = [2]any{p.Hour.UTC(), p.N}
		}
	}
	return x.answer(http.StatusOK, out)
}

func (c *adminStatsCalls) nodes(x *call) error {
	nodes, err := c.stats.Nodes(x.r.Context())
	if err != nil {
		return err
	}
	out := nodeList{Nodes: make([]nodeEntry, len(nodes))}
	for i, n := range nodes {
		out.Nodes[i] = nodeEntry{ID: n.ID, Version: n.Version, State: n.State, StartedAt: n.StartedAt.UTC(), SeenAt: n.SeenAt.UTC(),
			ViewAge: n.ViewAge.Seconds(), ClockSkew: n.ClockSkew.Seconds(), Settings: n.Settings}
	}
	return x.answer(http.StatusOK, out)
}
