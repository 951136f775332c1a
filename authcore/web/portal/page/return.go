package page

import (
	"cmp"
	"net/url"

	"github.com/gatehouse-auth/gatehouse/authcore/edge/httpauth"
)

// ConsolePath is where the console is, below the prefix.
const ConsolePath = "/console"

// CheckReturn checks where somebody wants to go.
func (q *Request) CheckReturn(raw string) (string, httpauth.DropReason) {
	return httpauth.CheckReturn(raw, httpauth.ReturnRules{
		Host: q.R.Host, HTTPS: q.Info.HTTPS, Hosts: q.ReturnHosts(q.R.Host), Prefix: q.Prefix, Own: ConsolePath,
	})
}

// Wanted is where the visitor wants to go after signing in, as it was given: in the form, or in the address that that was sent to.
func (q *Request) Wanted() string { return cmp.Or(q.Form.Get("rd"), q.R.URL.Query().Get("rd")) }

// ReturnTo returns where the visitor wants to go after signing in; "" for nowhere in particular.
func (q *Request) ReturnTo() string {
	to, _ := q.CheckReturn(q.Wanted())
	return to
}

// WithReturn adds the way back to the address of a page.
func (q *Request) WithReturn(name string) string {
	if to := q.ReturnTo(); to != "" {
		return q.Path(name) + "?rd=" + url.QueryEscape(to)
	}
	return q.Path(name)
}

// OtherOrigin returns where the visitor wanted to go, and the origin of that if it is on another host.
func (q *Request) OtherOrigin() (to, origin string) {
	to, why := q.CheckReturn(q.R.URL.Query().Get("rd"))
	if why != "" {
		return "", ""
	}
	return to, httpauth.OtherOrigin(q.R, to)
}

// DropReason tells why nobody is led back to raw. The word comes with the address where a guard has left out what is too long; it only
// chooses among texts.
func (q *Request) DropReason(raw string) httpauth.DropReason {
	_, why := q.CheckReturn(raw)
	if why == httpauth.NoReturn && q.R.URL.Query().Get("lost") == string(httpauth.LongReturn) {
		return httpauth.LongReturn
	}
	return why
}

// lostNotice is what a page says of it; "" for nothing: to who is about to sign in, and to who has arrived elsewhere.
func lostNotice(q *Request) string {
	why := q.Pending().Lost
	if why != "" {
		q.DropPending()
	} else if why = q.DropReason(q.Wanted()); why == "" {
		return ""
	}
	if id := "lost." + string(why); q.Has(id) {
		return q.T(id)
	}
	return ""
}
