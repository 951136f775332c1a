package history

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// Store is what the flow reads.
type Store interface {
	// AccountEvents returns events of an account, the latest first, without those of the administration: they are from the address and
	// session of an administrator.
	AccountEvents(ctx context.Context, q Query) ([]authcore.Event, error)
}

// Query asks a Store for events. Zero fields ask for nothing.
type Query struct {
	AccountID uuid.UUID
	Kinds     []authcore.EventKind // one of them; none: any
	Method    string
	Since     time.Time       // this one too
	Until     time.Time       // this one not
	Older     cursor.Position // those before it
	Newer     cursor.Position // those after it: the ones next to it. Not with Older
	Limit     int
}

// Result is how a sign-in ended, as lists are filtered by it.
type Result string

// The results.
const (
	AnyResult Result = ""
	Succeeded Result = "success"
	Failed    Result = "failure"
)

// signIns are the events of each result: a sign-in that succeeded and one that failed are events of two kinds.
var signIns = map[Result][]authcore.EventKind{
	AnyResult: {authcore.EventSignedIn, authcore.EventSignInFailed},
	Succeeded: {authcore.EventSignedIn},
	Failed:    {authcore.EventSignInFailed},
}

// Page is what is asked for of a list: the Limit events that follow a cursor.
type Page struct {
	Limit  int    // 1 to [cursor.MaxLimit]; 0: [cursor.DefaultLimit]
	Cursor string // Older of a page before; "" for the latest
	Newer  string // Newer of a page before, in place of Cursor
}

// Logins asks for the sign-ins of an account.
type Logins struct {
	Page
	Result Result
	Method string    // one of [audit.Methods]; "" for any
	Since  time.Time // this instant too; zero for the beginning
	Until  time.Time // this instant not; zero for the present
}

// Events asks for the security log of an account.
type Events struct {
	Page
	Kind authcore.EventKind // "" for any
}

// Listed is one page, the latest event first.
type Listed struct {
	Events []authcore.Event
	Older  string // the cursor of the page that follows; "" at the end
	Newer  string // that of the page with what is later; "" at the beginning
}

// Config is what a Flow needs; all of it is required.
type Config struct {
	Store   Store
	Cursors *cursor.Signer
}

// Flow reads histories. It is safe for concurrent use.
type Flow struct{ cfg Config }

// New checks cfg.
func New(cfg Config) (*Flow, error) {
	if cfg.Store == nil || cfg.Cursors == nil {
		return nil, errors.New("history: store and cursors are required")
	}
	return &Flow{cfg}, nil
}

// Logins returns the sign-ins of the account. Refusals: [authcore.InvalidRequest] for a limit, result, method or cursor that is none;
// [authcore.Unavailable].
func (f *Flow) Logins(ctx context.Context, account uuid.UUID, l Logins) (Listed, error) {
	kinds, ok := signIns[l.Result]
	if !ok {
		return Listed{}, authcore.Refuse(authcore.InvalidRequest, "result is success or failure.")
	}
	if l.Method != "" && !slices.Contains(audit.Methods(), l.Method) {
		return Listed{}, authcore.Refuse(authcore.InvalidRequest, "There is no such method.")
	}
	return f.list(ctx, cursor.LoginHistory, l.Page, Query{AccountID: account, Kinds: kinds, Method: l.Method, Since: l.Since, Until: l.Until})
}

// Events returns the security log of the account. Refusals: [authcore.InvalidRequest] for a limit, kind or cursor that is none;
// [authcore.Unavailable].
func (f *Flow) Events(ctx context.Context, account uuid.UUID, e Events) (Listed, error) {
	q := Query{AccountID: account}
	if e.Kind != "" {
		if !slices.Contains(authcore.EventKinds(), e.Kind) || e.Kind.IsAdministration() {
			return Listed{}, authcore.Refuse(authcore.InvalidRequest, "There is no such kind of event.")
		}
		q.Kinds = []authcore.EventKind{e.Kind}
	}
	return f.list(ctx, cursor.SecurityEvents, e.Page, q)
}

// list reads one event more than the page has, which tells whether there is another page.
func (f *Flow) list(ctx context.Context, which cursor.List, p Page, q Query) (l Listed, err error) {
	p.Limit = cmp.Or(p.Limit, cursor.DefaultLimit)
	if err := cursor.CheckLimit(p.Limit); err != nil {
		return l, err
	}
	if q.Older, err = f.cfg.Cursors.Read(which, q.AccountID, p.Cursor); err != nil {
		return l, err
	}
	if q.Newer, err = f.cfg.Cursors.Read(which, q.AccountID, p.Newer); err != nil {
		return l, err
	}
	if p.Cursor != "" && p.Newer != "" {
		return l, authcore.Refuse(authcore.InvalidRequest, "Send one cursor.")
	}
	q.Limit = p.Limit + 1
	if l.Events, err = f.cfg.Store.AccountEvents(ctx, q); err != nil {
		return l, fmt.Errorf("read history: %w", err)
	}
	older, newer := len(l.Events) > p.Limit, p.Cursor != ""
	if p.Newer != "" { // the one too many is the latest
		older, newer = true, older
		l.Events = l.Events[max(0, len(l.Events)-p.Limit):]
	} else {
		l.Events = l.Events[:min(len(l.Events), p.Limit)]
	}
	if len(l.Events) == 0 {
		return l, nil
	}
	if older {
		l.Older = f.cursor(which, q.AccountID, l.Events[len(l.Events)-1])
	}
	if newer {
		l.Newer = f.cursor(which, q.AccountID, l.Events[0])
	}
	return l, nil
}

func (f *Flow) cursor(which cursor.List, account uuid.UUID, e authcore.Event) string {
	return f.cfg.Cursors.Sign(which, account, cursor.Position{At: e.At, ID: e.ID})
}
