package portal

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/access"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

const explainPath = consolePath + "/explain"

// Explainer answers what becomes of a request, and changes nothing. Refusals: [authcore.InvalidFields]; [authcore.NotFound] for an unknown
// user, and because of [access.ErrNoSite] where no site takes the request. It may be called concurrently.
type Explainer func(ctx context.Context, q access.Question) (access.Explanation, error)

// explainPage answers what becomes of a request, and why. The question comes by POST: a token must not stand in an address, which browsers
// and logs keep.
type explainPage struct {
	consoleGate
	explain Explainer
}

func (p *explainPage) routes() []page.Route {
	return []page.Route{{Path: explainPath, For: page.Readers, Asks: true, Show: p.question, Submit: p.ask}}
}

func (p *explainPage) question(q *page.Request) error {
	if err := p.admits(q); err != nil {
		return err
	}
	return p.show(q, nil)
}

// ask shows the answer beside the question.
func (p *explainPage) ask(q *page.Request) error {
	question := access.Question{Method: strings.ToUpper(strings.TrimSpace(q.Form.Get("method")))}
	var broken authcore.FieldErrors
	for name, into := range map[string]*string{"url": &question.URL, "user": &question.User, "token": &question.Token, "ip": &question.IP} {
		*into = strings.TrimSpace(q.Form.Get(name))
	}
	if question.URL == "" {
		broken.Add("url", authcore.Required)
	}
	for line := range strings.Lines(q.Form.Get("headers")) {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			broken.Add("headers", authcore.HeaderLine)
			break
		}
		if question.Headers == nil {
			question.Headers = map[string]string{}
		}
		question.Headers[strings.TrimSpace(name)] = strings.TrimSpace(value)
	}
	if err := broken.Refusal(); err != nil {
		return err
	}
	var x access.Explanation
	err := p.reads(q, authcore.EventAdminExplain, func(ctx context.Context) (err error) {
		x, err = p.explain(ctx, question)
		return err
	})
	switch {
	case errors.Is(err, access.ErrNoSite):
		return authcore.RefuseField("url", authcore.NoSuchSite)
	case authcore.CodeOf(err) == authcore.NotFound:
		return authcore.RefuseField("user", authcore.NoSuchAccount)
	case err != nil:
		return err
	}
	return p.show(q, &x)
}

func (p *explainPage) show(q *page.Request, x *access.Explanation) error {
	v := consoleView{View: page.View{Title: q.T("console.explain"), Intro: []string{q.T("console.explain.intro")}, Forms: []page.Form{explainForm(q)}}, Asks: true}
	if x != nil {
		v.Intro, v.Points, v.Tables = nil, explained(q, x), explainTables(q, x)
	}
	return showConsole(q, &v)
}

func explained(q *page.Request, x *access.Explanation) []page.Point {
	status := " (" + strconv.Itoa(x.Status)
	if x.Code != "" {
		status += ", " + x.Code
	}
	points := []page.Point{{Title: q.T("console.explain.decision"), Text: q.T("console.explain."+x.Decision) + status + ")"}}
	if x.Shadow && x.Decision != access.Allows {
		points = append(points, page.Point{Title: q.T("console.explain.shadow"), Text: q.T("console.explain.shadow.text")})
	}
	guard := x.Guard
	if guard == "" {
		guard = q.T("console.explain.unguarded")
	}
	for _, more := range []page.Point{{Title: q.T("console.explain.site"), Text: x.Site}, {Title: q.T("console.explain.guard"), Text: guard}, {Title: q.T("console.explain.rule"), Text: x.Rule}} {
		if more.Text != "" {
			points = append(points, more)
		}
	}
	return points
}

func explainTables(q *page.Request, x *access.Explanation) []consoleTable {
	steps := consoleTable{ID: "steps", Title: q.T("console.explain.steps"), Head: []string{q.T("console.explain.check"), q.T("console.explain.result"), q.T("console.explain.detail")}}
	for _, s := range x.Steps {
		steps.Rows = append(steps.Rows, consoleRow{Cells: []consoleCell{{Text: s.Check}, {Text: s.Result}, {Text: s.Detail}}})
	}
	headers := consoleTable{ID: "headers", Title: q.T("console.explain.headers.told"), Empty: q.T("console.explain.headers.none"),
		Head: []string{q.T("console.explain.header"), q.T("console.setting.value")}}
	for _, name := range slices.Sorted(maps.Keys(x.Headers)) {
		headers.Rows = append(headers.Rows, consoleRow{Cells: []consoleCell{{Text: name}, {Text: x.Headers[name]}}})
	}
	return []consoleTable{steps, headers}
}

// methods are those that the form offers.
var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

func explainForm(q *page.Request) page.Form {
	query := q.R.URL.Query()
	var choices []page.Choice
	for _, m := range methods {
		choices = append(choices, page.Choice{Value: m, Text: m})
	}
	field := func(name, kind string, most int) page.Field {
		return page.Field{ID: "explain-" + name, Name: name, Label: q.T("console.explain." + name), Type: kind, Value: q.Value(name, query.Get(name)), Autocomplete: "off",
			MaxLength: most, Optional: q.T("field.optional")}
	}
	method, url, user, token, ip, headers := field("method", "", 0), field("url", "url", 4096), field("user", "text", 320), field("token", "text", 8192), field("ip", "text", 45), field("headers", "area", 16<<10)
	method.Choices, method.Optional, url.Optional = choices, "", ""
	token.Value = "" // whoever looks over a shoulder, or finds the page in a cache, gets nothing to use
	url.Hint, user.Hint, token.Hint, ip.Hint, headers.Hint = q.T("console.explain.url.hint"), q.T("console.explain.user.hint"), q.T("console.explain.token.hint"), q.T("console.explain.ip.hint"), q.T("console.explain.headers.hint")
	return page.Form{ID: "explain", Title: q.T("console.explain.ask"), Button: q.T("console.explain.button"), Fields: []page.Field{method, url, user, token, ip, headers}}
}
