package portal

import (
	"github.com/gatehouse-auth/gatehouse/authcore/edge/honeytrap"
	"github.com/gatehouse-auth/gatehouse/authcore/web/portal/page"
)

// decoyOf is the hidden field of a honey trap, for a form by which somebody may sign up; nil where there is no trap.
func decoyOf(q *page.Request, trap *honeytrap.Trap) *page.Decoy {
	if trap == nil {
		return nil
	}
	return &page.Decoy{Name: trap.Field(), Label: q.T("field.decoy")}
}

// fellInto reports whether somebody has filled in the hidden field.
func fellInto(q *page.Request, trap *honeytrap.Trap) bool {
	return trap != nil && q.Form.Get(trap.Field()) != ""
}
