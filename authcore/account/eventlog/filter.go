package eventlog

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Filter says which events are meant; zero fields ask for nothing.
type Filter struct {
	Kinds   []authcore.EventKind // one of them
	Result  string               // "success", Failure for everything else, or the code of a failure
	Account uuid.UUID
	// Actor is who did it: another than the account's owner, or the owner by a session.
	Actor   uuid.UUID
	Session uuid.UUID
	Addr    string    // as [audit.Addr] writes it
	From    time.Time // this instant too
	To      time.Time // this one not
}

// Failure is the Result of every event that is no success.
const Failure = "failure"

// Ask is a Filter in the words of whoever asks. Empty ones ask for nothing.
type Ask struct {
	Kinds                           []string // kinds, or the beginning of some and an asterisk: session.*
	Result, Account, Actor, Session string
	IP                              string
	From, To                        time.Time
}

// Filter reads what is asked for. Refusals: [authcore.InvalidRequest] for a kind, id or address that is none.
func (a Ask) Filter() (f Filter, err error) {
	f = Filter{Result: a.Result, From: a.From, To: a.To}
	for _, word := range a.Kinds {
		found := kindsOf(word)
		if len(found) == 0 {
			return f, authcore.Refuse(authcore.InvalidRequest, "There is no such kind of event. Kinds are listed by the documentation; session.* is all that begin so.")
		}
		f.Kinds = append(f.Kinds, found...)
	}
	slices.Sort(f.Kinds)
	f.Kinds = slices.Compact(f.Kinds)
	for _, id := range []struct {
		name, text string
		into       *uuid.UUID
	}{{"account", a.Account, &f.Account}, {"actor", a.Actor, &f.Actor}, {"session", a.Session, &f.Session}} {
		if id.text == "" {
			continue
		}
		if *id.into, err = uuid.Parse(id.text); err != nil || *id.into == uuid.Nil {
			return f, authcore.Refuse(authcore.InvalidRequest, id.name+" is an id.")
		}
	}
	if a.IP != "" {
		addr, err := netip.ParseAddr(a.IP)
		if err != nil {
			return f, authcore.Refuse(authcore.InvalidRequest, "ip is an address.")
		}
		f.Addr = audit.Addr(authcore.Client{Addr: addr})
	}
	return f, nil
}

// kindsOf returns the kinds that a word stands for; none for a word that is none.
func kindsOf(word string) (kinds []authcore.EventKind) {
	prefix, many := strings.CutSuffix(word, "*")
	for _, k := range authcore.EventKinds() {
		if string(k) == word || many && strings.HasPrefix(string(k), prefix) {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// Fits reports whether an event is meant.
func (f Filter) Fits(e authcore.Event) bool {
	switch {
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, e.Kind),
		f.Result == Failure && e.Result == audit.Success,
		f.Result != "" && f.Result != Failure && e.Result != f.Result,
		f.Account != uuid.Nil && e.AccountID != f.Account,
		f.Actor != uuid.Nil && ActorOf(e) != f.Actor,
		f.Session != uuid.Nil && e.SessionID != f.Session,
		f.Addr != "" && e.Addr != f.Addr,
		!f.From.IsZero() && e.At.Before(f.From),
		!f.To.IsZero() && !e.At.Before(f.To):
		return false
	}
	return true
}

// ActorOf returns who has made an event: who is named, or else the account's owner where it was done by a session. Without either nobody
// knows: a wrong password is anybody's.
func ActorOf(e authcore.Event) uuid.UUID {
	if e.ActorID == uuid.Nil && e.Via == "" && e.SessionID != uuid.Nil {
		return e.AccountID
	}
	return e.ActorID
}

// ViaOf returns by what it was done; "" where nobody knows.
func ViaOf(e authcore.Event) string {
	if e.Via == "" && e.SessionID != uuid.Nil {
		return authcore.ViaSession
	}
	return e.Via
}
