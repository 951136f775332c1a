package httpapi

import (
	"cmp"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/block"
)

// adminBlockCalls list, add, remove and try block rules.
type adminBlockCalls struct{ manager *block.Manager }

func (c *adminBlockCalls) routes() []route {
	id := idParam("The rule's id.")
	return []route{{
		method: http.MethodGet, path: "/admin/blocks", tag: tagAdmin, summary: "List block rules",
		text: "Rules that were added while a gateway runs, the newest first, then those of the configuration. Hits are written once a second. For " +
			"administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminBlocksList, does: authenticated(c.list), params: pageParams(),
		replies: []reply{{http.StatusOK, "The rules.", BlockList{}}}, refuses: []authcore.Code{authcore.InvalidRequest},
	}, {
		method: http.MethodPost, path: "/admin/blocks", tag: tagAdmin, summary: "Add a block rule",
		text:  "It holds on every node within a second, through reloads and restarts, until it expires or is removed.",
		admin: authcore.Changes, event: authcore.EventAdminBlocksCreate, does: authenticatedWith(c.add),
		replies: []reply{{http.StatusCreated, "The rule.", Block{}}}, refuses: []authcore.Code{authcore.InvalidFields, authcore.LimitReached},
	}, {
		method: http.MethodPost, path: "/admin/blocks/test", tag: tagAdmin, summary: "Try the block rules",
		text:  "Returns the rules that match a value, whatever they are for. Nothing is counted. For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminBlocksTest, does: authenticatedWith(c.test),
		replies: []reply{{http.StatusOK, "The rules that match.", BlockMatches{}}}, refuses: []authcore.Code{authcore.InvalidFields},
	}, {
		method: http.MethodGet, path: "/admin/blocks/{id}", tag: tagAdmin, summary: "Show a block rule", text: "For administrators and auditors.",
		admin: authcore.Reads, event: authcore.EventAdminBlocksGet, does: authenticated(c.get), params: []param{id},
		replies: []reply{{http.StatusOK, "The rule.", Block{}}}, refuses: []authcore.Code{authcore.NotFound},
	}, {
		method: http.MethodDelete, path: "/admin/blocks/{id}", tag: tagAdmin, summary: "Remove a block rule",
		text:  "It stops on every node within a second. A rule of the configuration is removed there.",
		admin: authcore.Changes, event: authcore.EventAdminBlocksDelete, does: authenticated(c.remove), params: []param{id},
		replies: []reply{{http.StatusNoContent, "The rule is gone.", nil}}, refuses: []authcore.Code{authcore.NotFound, authcore.ManagedByConfiguration},
	}}
}

// Block is a block rule as the API shows it.
type Block struct {
	ID        uuid.UUID  `json:"id"`
	Kind      string     `json:"kind" enum:"email,phone,username,ip"`
	Pattern   string     `json:"pattern" example:"*@spam.example"`
	For       []string   `json:"for" doc:"What it keeps from: signup, login, send."`
	Reason    string     `json:"reason"`
	Source    string     `json:"source" enum:"caddyfile,runtime,trap"`
	CreatedAt *time.Time `json:"created_at" doc:"null for a rule of the configuration."`
	CreatedBy *string    `json:"created_by" format:"uuid" doc:"The account that added it; null for nobody's."`
	ExpiresAt *time.Time `json:"expires_at" doc:"null: never."`
	Hits      int64      `json:"hits" doc:"How often it has matched."`
	LastHitAt *time.Time `json:"last_hit_at"`
}

// BlockList is a page of rules.
type BlockList struct {
	Blocks []Block `json:"blocks"`
	Next   *string `json:"next" doc:"The cursor of the next page; null at the end."`
}

// BlockMatches are the rules that match a value.
type BlockMatches struct {
	Matches []Block `json:"matches"`
}

// ShowBlock returns a rule as the API shows it.
func ShowBlock(r block.Rule) Block {
	b := Block{ID: r.ID, Kind: string(r.Kind), Pattern: r.Pattern, For: []string{}, Reason: r.Reason, Source: string(r.Source),
		CreatedAt: timeOrNull(r.CreatedAt), ExpiresAt: timeOrNull(r.ExpiresAt), Hits: r.Hits, LastHitAt: timeOrNull(r.LastHitAt)}
	for _, act := range r.For {
		b.For = append(b.For, string(act))
	}
	if r.CreatedBy != uuid.Nil {
		by := r.CreatedBy.String()
		b.CreatedBy = &by
	}
	return b
}

// ShowBlocks returns rules as the API shows them.
func ShowBlocks(rules []block.Rule) []Block {
	shown := make([]Block, len(rules))
	for i, r := range rules {
		shown[i] = ShowBlock(r)
	}
	return shown
}

func (c *adminBlockCalls) list(x *call) error {
	limit, from, err := x.page()
	if err != nil {
		return err
	}
	listed, err := c.manager.List(x.r.Context(), x.who.AccountID, limit, from)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, BlockList{Blocks: ShowBlocks(listed.Rules), Next: textOrNull(listed.Next)})
}

func (c *adminBlockCalls) get(x *call) error {
	r, err := c.manager.Get(x.r.Context(), x.pathID())
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, ShowBlock(r))
}

type blockBody struct {
	Kind      string   `json:"kind" enum:"email,phone,username,ip"`
	Pattern   string   `json:"pattern" maxLength:"256" example:"*@spam.example"`
	For       []string `json:"for,omitempty" doc:"What it keeps from: signup, login, send. Left out: signup and send."`
	Reason    string   `json:"reason,omitempty" maxLength:"200"`
	ExpiresIn *int64   `json:"expires_in,omitempty" minimum:"1" doc:"Seconds; left out: it never expires." example:"3600"`
}

// maxSeconds is more than any life of a rule.
const maxSeconds = int64(block.MaxLife/time.Second) + 1

func (c *adminBlockCalls) add(x *call, body blockBody) error {
	life := time.Duration(0) // for ever, which a life of no seconds is not
	if body.ExpiresIn != nil {
		life = cmp.Or(time.Duration(min(max(*body.ExpiresIn, -1), maxSeconds))*time.Second, -1)
	}
	r, err := c.manager.Add(x.r.Context(), block.AddInput{Kind: body.Kind, Pattern: body.Pattern, For: body.For, Reason: body.Reason, ExpiresIn: life,
		By: x.who.AccountID, Client: x.in.Client})
	if err != nil {
		return err
	}
	x.w.Header().Set("Location", x.r.URL.Path+"/"+r.ID.String())
	return x.answer(http.StatusCreated, ShowBlock(r))
}

type blockTestBody struct {
	Kind  string `json:"kind" enum:"email,phone,username,ip"`
	Value string `json:"value" example:"x@spam.example"`
}

func (c *adminBlockCalls) test(x *call, body blockTestBody) error {
	found, err := c.manager.Test(x.r.Context(), body.Kind, body.Value)
	if err != nil {
		return err
	}
	return x.answer(http.StatusOK, BlockMatches{Matches: ShowBlocks(found)})
}

func (c *adminBlockCalls) remove(x *call) error {
	if err := c.manager.Remove(x.r.Context(), x.pathID(), x.who.AccountID, x.in.Client); err != nil {
		return err
	}
	return x.done()
}
