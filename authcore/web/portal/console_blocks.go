package portal

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// blocksPage lists block rules, tries them, adds and removes them.
type blocksPage struct {
	consoleGate
	rules *block.Manager
}

const (
	consoleBlocksPath = consolePath + "/blocks"
	newBlockPath      = consoleBlocksPath + "/new"
)

func (p *blocksPage) routes() []page.Route {
	return []page.Route{
		{Path: consoleBlocksPath, For: page.Readers, Show: p.show},
		{Path: newBlockPath, For: page.Readers, Fresh: true, Show: p.showNew, Submit: p.add},
		{Path: consoleBlocksPath + "/{id}", For: page.Readers, Fresh: true, Show: p.showOne, Submit: p.remove},
	}
}

func (p *blocksPage) show(q *page.Request) error {
	t := consoleTable{ID: "blocks", Title: q.T("console.blocks"), Empty: q.T("console.blocks.none"), Head: []string{
		q.T("console.block.pattern"), q.T("console.block.kind"), q.T("console.block.for"), q.T("console.block.source"), q.T("console.block.hits"), q.T("console.block.expires"),
	}}
	rules, err := p.asked(q, &t)
	if err != nil {
		return err
	}
	for _, r := range rules {
		t.Rows = append(t.Rows, blockRow(q, r))
	}
	v := consoleView{View: page.View{Title: q.T("console.blocks")}, Tables: []consoleTable{t}}
	v.Filter = filterOf(q, page.Field{Name: "kind", Label: q.T("console.block.kind"), Choices: kindsOfBlocks(q)},
		page.Field{Name: "value", Label: q.T("console.block.value"), Type: "text", Hint: q.T("console.block.value.hint")})
	v.Filter.Button = q.T("console.block.test")
	if page.MayChange(q) {
		v.Links = []page.Link{{To: q.Path(newBlockPath), Text: q.T("console.blocks.new")}}
	}
	return showConsole(q, &v)
}

// asked returns the rules that match the value to try, or else a page of all. A value that cannot be one is the problem of the page.
func (p *blocksPage) asked(q *page.Request, t *consoleTable) (rules []block.Rule, err error) {
	query := q.R.URL.Query()
	if value := strings.TrimSpace(query.Get("value")); value != "" {
		t.Title, t.Empty = q.T("console.blocks.matching"), q.T("console.blocks.nomatch")
		return rules, p.reads(q, authcore.EventAdminBlocksTest, func(ctx context.Context) (err error) {
			rules, err = p.rules.Test(ctx, query.Get("kind"), value)
			return err
		})
	}
	var list block.Listed
	err = p.reads(q, authcore.EventAdminBlocksList, func(ctx context.Context) (err error) {
		list, err = p.rules.List(ctx, q.User.AccountID, cursor.DefaultLimit, query.Get("cursor"))
		return err
	})
	t.Next = nextPage(q, list.Next)
	return list.Rules, err
}

func kindsOfBlocks(q *page.Request) (kinds []page.Choice) {
	for _, k := range block.Kinds() {
		kinds = append(kinds, page.Choice{Value: string(k), Text: q.T("console.block.kind." + string(k))})
	}
	return kinds
}

// actsOf says what a rule keeps from.
func actsOf(q *page.Request, acts []block.Act) string {
	words := make([]string, len(acts))
	for i, act := range acts {
		words[i] = q.T("console.block.for." + string(act))
	}
	return strings.Join(words, ", ")
}

func blockRow(q *page.Request, r block.Rule) consoleRow {
	pattern := consoleCell{Text: r.Pattern, To: q.Path(consoleBlocksPath + "/" + r.ID.String())}
	if r.Reason != "" {
		pattern.Lines = []string{r.Reason}
	}
	hits := consoleCell{Text: strconv.FormatInt(r.Hits, 10)}
	if !r.LastHitAt.IsZero() {
		hits.Lines = []string{minute(r.LastHitAt)}
	}
	row := consoleRow{Cells: []consoleCell{
		pattern, {Text: q.T("console.block.kind." + string(r.Kind))}, {Text: actsOf(q, r.For)}, {Text: q.T("console.block.source." + string(r.Source))}, hits, expiryOf(q, r),
	}}
	if r.Source != block.FromCaddyfile {
		row.Actions = []page.Link{{To: pattern.To, Text: q.T("console.block.remove")}}
	}
	return row
}

func expiryOf(q *page.Request, r block.Rule) consoleCell {
	if r.ExpiresAt.IsZero() {
		return consoleCell{Text: q.T("console.block.never")}
	}
	return consoleCell{At: r.ExpiresAt}
}

// one returns the rule of the address.
func (p *blocksPage) one(q *page.Request) (r block.Rule, err error) {
	id, err := uuid.Parse(page.Param(q, "id"))
	if err != nil {
		return r, authcore.Refuse(authcore.NotFound, "No block rule has this id.")
	}
	return r, p.reads(q, authcore.EventAdminBlocksGet, func(ctx context.Context) (err error) {
		r, err = p.rules.Get(ctx, id)
		return err
	})
}

// showOne shows a rule, and asks whether it is to go.
func (p *blocksPage) showOne(q *page.Request) error {
	r, err := p.one(q)
	if err != nil {
		return err
	}
	v := consoleView{View: page.View{Title: r.Pattern, Back: &page.Link{To: q.Path(consoleBlocksPath), Text: q.T("console.blocks")}}}
	v.Points = []page.Point{{Title: q.T("console.block.kind"), Text: q.T("console.block.kind." + string(r.Kind))}, {Title: q.T("console.block.for"), Text: actsOf(q, r.For)},
		{Title: q.T("console.block.source"), Text: q.T("console.block.source." + string(r.Source))}, {Title: q.T("console.block.hits"), Text: strconv.FormatInt(r.Hits, 10)}}
	for _, more := range []struct {
		title string
		at    time.Time
	}{{"console.block.last", r.LastHitAt}, {"console.block.made", r.CreatedAt}, {"console.block.expires", r.ExpiresAt}} {
		if !more.at.IsZero() {
			v.Points = append(v.Points, page.Point{Title: q.T(more.title), Text: minute(more.at)})
		}
	}
	if r.Reason != "" {
		v.Points = append(v.Points, page.Point{Title: q.T("console.block.reason"), Text: r.Reason})
	}
	if r.Source == block.FromCaddyfile {
		v.Intro = []string{q.T("console.block.configured")}
	} else {
		v.Forms = []page.Form{dangerForm("remove", q.T("console.block.remove"), q.T("console.block.remove.text"), q.T("console.block.remove"))}
	}
	return showConsole(q, &v)
}

func (p *blocksPage) remove(q *page.Request) error {
	r, err := p.one(q)
	if err != nil {
		return err
	}
	err = p.changes(q, authcore.EventAdminBlocksDelete, func(ctx context.Context) error {
		return p.rules.Remove(ctx, r.ID, q.User.AccountID, q.Info.Client)
	})
	if err != nil {
		return err
	}
	return q.Done(consoleBlocksPath, "block_removed")
}

// blockLives are how long a new rule can hold, in seconds; "" is for ever.
var blockLives = []struct{ seconds, text string }{{"", "never"}, {"3600", "hour"}, {"86400", "day"}, {"604800", "week"}, {"2592000", "month"}, {"31536000", "year"}}

// showNew asks for a rule.
func (p *blocksPage) showNew(q *page.Request) error {
	if !page.MayChange(q) {
		return admin.ForAdministrators()
	}
	var acts, lives []page.Choice
	for _, set := range [][]block.Act{block.DefaultActs(), {block.SignUp}, {block.Login}, {block.Send}, {block.SignUp, block.Login}, {block.Login, block.Send}, block.Acts()} {
		words := make([]string, len(set))
		for i, act := range set {
			words[i] = string(act)
		}
		acts = append(acts, page.Choice{Value: strings.Join(words, " "), Text: actsOf(q, set)})
	}
	for _, life := range blockLives {
		lives = append(lives, page.Choice{Value: life.seconds, Text: q.T("console.block." + life.text)})
	}
	field := func(name, value string, f page.Field) page.Field {
		f.ID, f.Name, f.Label, f.Value, f.Autocomplete = name, name, q.T("console.block."+name), q.Value(name, value), "off"
		return f
	}
	v := consoleView{View: page.View{Title: q.T("console.blocks.new"), Back: &page.Link{To: q.Path(consoleBlocksPath), Text: q.T("console.blocks")}}}
	v.Forms = []page.Form{{ID: "new-block", Title: q.T("console.blocks.new"), Intro: q.T("console.blocks.new.intro"), Button: q.T("console.blocks.new.button"), Fields: []page.Field{
		field("kind", string(block.Email), page.Field{Choices: kindsOfBlocks(q)}),
		field("pattern", "", page.Field{Type: "text", MaxLength: block.MaxPattern, Hint: q.T("console.block.pattern.hint")}),
		field("for", acts[0].Value, page.Field{Choices: acts}),
		field("expires_in", "", page.Field{Choices: lives}),
		field("reason", "", page.Field{Type: "text", MaxLength: block.MaxReason, Optional: q.T("field.optional")}),
	}}}
	return showConsole(q, &v)
}

func (p *blocksPage) add(q *page.Request) error {
	in := block.AddInput{Kind: q.Form.Get("kind"), Pattern: strings.TrimSpace(q.Form.Get("pattern")), For: strings.Fields(q.Form.Get("for")),
		Reason: strings.TrimSpace(q.Form.Get("reason")), By: q.User.AccountID, Client: q.Info.Client}
	if text := q.Form.Get("expires_in"); text != "" {
		in.ExpiresIn = -1 // no life
		for _, life := range blockLives {
			if life.seconds == text {
				seconds, _ := strconv.Atoi(text) // of the list
				in.ExpiresIn = time.Duration(seconds) * time.Second
			}
		}
	}
	err := p.changes(q, authcore.EventAdminBlocksCreate, func(ctx context.Context) error {
		_, err := p.rules.Add(ctx, in)
		return err
	})
	if err != nil {
		return err
	}
	return q.Done(consoleBlocksPath, "block_added")
}
