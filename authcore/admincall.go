package authcore

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"
)

// Access is what somebody who administers does with a call.
type Access int

// The kinds of access.
const (
	NoAccess Access = iota // it is no call of the administration
	Reads                  // administrators and auditors may call it
	Changes                // administrators alone may
)

// By what an administrator acts, as events name it.
const (
	ViaSession  = "session"  // signed in, by the API or the console
	ViaOperator = "operator" // on the command line
)

// AdminCall is one call of the administration while it is performed: what its event will say (M07). The flows and stores that it passes
// add whom it is about and what it changes. The methods of nil do nothing, so that they need not ask whether there is one. It belongs to
// one goroutine.
type AdminCall struct {
	event   Event
	details map[string]any
	changes map[string]FieldChange
	written bool
}

// FieldChange is what a field was and what it is now. Neither is ever a secret.
type FieldChange struct {
	Old any `json:"old"`
	New any `json:"new"`
}

// NewAdminCall begins a call; e says who makes it and from where.
func NewAdminCall(e Event) *AdminCall { return &AdminCall{event: e} }

// ByOperator reports whether whoever runs the gateway makes the call.
func (c *AdminCall) ByOperator() bool { return c != nil && c.event.Via == ViaOperator }

// About names the account that the call is about.
func (c *AdminCall) About(account uuid.UUID) {
	if c != nil {
		c.event.AccountID = account
	}
}

// Changed notes what becomes of a field. Of two notes about one field the last counts: a transaction may run again.
func (c *AdminCall) Changed(field string, before, after any) {
	if c == nil {
		return
	}
	if c.changes == nil {
		c.changes = map[string]FieldChange{}
	}
	c.changes[field] = FieldChange{before, after}
}

// Note adds to what the event tells besides: the id of what was ended, say.
func (c *AdminCall) Note(name string, value any) {
	if c == nil {
		return
	}
	if c.details == nil {
		c.details = map[string]any{}
	}
	c.details[name] = value
}

// Event returns the event as it stands, with the result.
func (c *AdminCall) Event(result string) Event {
	e, all := c.event, map[string]any{}
	for name, value := range c.details {
		all[name] = value
	}
	if len(c.changes) > 0 {
		all["changes"] = c.changes
	}
	if len(all) > 0 {
		text, _ := json.Marshal(all) // texts, numbers and lists: cannot go wrong
		e.Details = string(text)
	}
	e.Result = result
	return e
}

// Written reports whether the event stands in the database, with the change that it tells of.
func (c *AdminCall) Written() bool { return c == nil || c.written }

// MarkWritten says that it does.
func (c *AdminCall) MarkWritten() {
	if c != nil {
		c.written = true
	}
}

// By says who has made an event of this call, unless the event does.
func (c *AdminCall) By(e Event) Event {
	if c != nil && e.Via == "" {
		e.ActorID, e.Via = c.event.ActorID, c.event.Via
	}
	return e
}

type adminCallKey struct{}

// WithAdminCall returns a context in which the first change writes the event of c in its own transaction.
func WithAdminCall(ctx context.Context, c *AdminCall) context.Context {
	return context.WithValue(ctx, adminCallKey{}, c)
}

// AdminCallOf returns the call that is performed in this context; nil for none.
func AdminCallOf(ctx context.Context) *AdminCall {
	c, _ := ctx.Value(adminCallKey{}).(*AdminCall)
	return c
}
