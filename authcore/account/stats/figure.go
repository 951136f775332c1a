package stats

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/audit"
)

// Figure is one number of one hour.
type Figure struct {
	Hour   time.Time // its beginning, UTC
	Name   string    // one of the names below
	Labels Labels
	N      int64
}

// Labels tell figures of one name apart. The zero Labels are of a name that has none.
type Labels struct {
	Result string // of a sign-in: "success", or the code of its failure
	Method string // how somebody signed in, or tried to
}

// The names of figures. SessionsActive and MailQueue are of one moment, the last at which the hour was looked at; the others count what
// has happened in the hour.
const (
	SignIns         = "sign_ins"
	SessionsActive  = "sessions_active"
	AccountsCreated = "accounts_created"
	Lockouts        = "lockouts"
	Blocks          = "blocks"
	MailQueue       = "mail_queue"
)

// counted are the events of each name that counts some.
var counted = map[authcore.EventKind]string{
	authcore.EventSignedIn:       SignIns,
	authcore.EventSignInFailed:   SignIns,
	authcore.EventRegistered:     AccountsCreated,
	authcore.EventCreatedByAdmin: AccountsCreated,
	authcore.EventAccountLocked:  Lockouts,
	"block.hit":                  Blocks,
}

// countedKinds are the kinds of those events.
var countedKinds = slices.Sorted(maps.Keys(counted))

// Count is how many events of a kind, result and method an hour has.
type Count struct {
	Hour           time.Time
	Kind           authcore.EventKind
	Result, Method string
	N              int64
}

// figures makes the figures of the hours from the first to the last: of names without labels one for each, also where nothing has happened.
func figures(counts []Count, first, last time.Time) []Figure {
	type key struct {
		hour   int64
		name   string
		labels Labels
	}
	sums := map[key]int64{}
	for h := first; !h.After(last); h = h.Add(time.Hour) {
		for _, name := range []string{AccountsCreated, Lockouts, Blocks} {
			sums[key{h.Unix(), name, Labels{}}] = 0
		}
	}
	for _, c := range counts {
		k := key{hour: c.Hour.Unix(), name: counted[c.Kind]}
		if k.name == SignIns {
			k.labels = Labels{c.Result, c.Method}
			if c.Kind == authcore.EventSignedIn {
				k.labels.Result = audit.Success
			}
		}
		sums[k] += c.N
	}
	all := make([]Figure, 0, len(sums))
	for k, n := range sums {
		all = append(all, Figure{time.Unix(k.hour, 0).UTC(), k.name, k.labels, n})
	}
	return all
}

// Series is the figures of one name and labels, one for each hour, the first first.
type Series struct {
	Name   string
	Labels Labels
	Points []Point
}

// Point is the figure of an hour.
type Point struct {
	Hour time.Time
	N    int64
}

// series puts figures in order. An hour that was counted has a figure of every series that counts: 0 where the store has none.
func series(all []Figure) []Series {
	type key struct {
		name   string
		labels Labels
	}
	points, hours := map[key]map[time.Time]int64{}, map[time.Time]bool{}
	for _, f := range all {
		k := key{f.Name, f.Labels}
		if points[k] == nil {
			points[k] = map[time.Time]int64{}
		}
		points[k][f.Hour] = f.N
		if f.Name == AccountsCreated { // every hour that was counted has one
			hours[f.Hour] = true
		}
	}
	list := make([]Series, 0, len(points))
	for k, of := range points {
		if k.name != SessionsActive && k.name != MailQueue {
			for h := range hours {
				of[h] += 0
			}
		}
		s := Series{k.name, k.labels, make([]Point, 0, len(of))}
		for _, h := range slices.SortedFunc(maps.Keys(of), time.Time.Compare) {
			s.Points = append(s.Points, Point{h, of[h]})
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Series) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Labels.Result, b.Labels.Result), cmp.Compare(a.Labels.Method, b.Labels.Method))
	})
	return list
}
