package eventlog

import (
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/cursor"
)

// lateness is how much later than its time an event may become visible: it is of the time at which it happened, and there once its
// transaction is committed. No transaction of a node lives longer (sqldb.CommitLimit).
const lateness = 10 * time.Second

// markKeys is how many events a mark names at most, for it goes through a header: those of ten seconds at fifty a second. keyBytes is how much of
// an event's id it has, the last ones, which are random.
const (
	markKeys = 500
	keyBytes = 4
)

// passed is which events a reader is through with. Events do not become visible in the order of their times. So of the last few
// seconds it knows each, and all that are older.
type passed struct {
	floor  time.Time         // all until then, this instant too
	recent []cursor.Position // later ones, the first first
	ids    map[uuid.UUID]struct{}
	named  map[uint32]struct{} // keys of later ones that a mark has named and that were not met since
}

func newPassed(floor time.Time) *passed {
	return &passed{floor: floor, ids: map[uuid.UUID]struct{}{}, named: map[uint32]struct{}{}}
}

func keyOf(id uuid.UUID) uint32 { return binary.BigEndian.Uint32(id[len(id)-keyBytes:]) }

func (p *passed) clone() *passed {
	return &passed{floor: p.floor, recent: slices.Clone(p.recent), ids: maps.Clone(p.ids), named: maps.Clone(p.named)}
}

// after is from where on events have to be asked for.
func (p *passed) after() cursor.Position { return cursor.Position{At: p.floor, ID: uuid.Max} }

// has reports whether the reader is through with an event.
func (p *passed) has(e cursor.Position) bool {
	_, known := p.ids[e.ID]
	return known || !e.At.After(p.floor)
}

// pass adds an event, and reports false where the reader was through with it.
func (p *passed) pass(e cursor.Position, now time.Time) (unseen bool) {
	if p.has(e) {
		return false
	}
	_, named := p.named[keyOf(e.ID)]
	delete(p.named, keyOf(e.ID))
	p.ids[e.ID] = struct{}{}
	at := len(p.recent)
	for at > 0 && p.recent[at-1].At.After(e.At) {
		at--
	}
	p.recent = slices.Insert(p.recent, at, e)
	p.forget(now)
	return !named
}

// forget raises the floor. An event from the future, of a node whose clock is ahead, raises it no more than the present does.
func (p *passed) forget(now time.Time) {
	last := p.recent[len(p.recent)-1].At
	if last.After(now) {
		last = now
	}
	floor := last.Add(-lateness)
	if !floor.After(p.floor) {
		return
	}
	p.floor = floor
	n := 0
	for n < len(p.recent) && !p.recent[n].At.After(floor) {
		delete(p.ids, p.recent[n].ID)
		n++
	}
	p.recent = slices.Delete(p.recent, 0, n)
}

// metAll is called when every event after the floor was passed: what a mark has named and was not met is there no more.
func (p *passed) metAll() { clear(p.named) }

// mark writes it down, for a client to come back with. Where there are too many recent events it names the last of them, and takes all
// before those for passed.
func (p *passed) mark() string {
	floor, recent := p.floor, p.recent
	if more := len(recent) - markKeys; more > 0 {
		floor = recent[more-1].At
		for more < len(recent) && !recent[more].At.After(floor) {
			more++
		}
		recent = recent[more:]
	}
	out := binary.BigEndian.AppendUint64(make([]byte, 0, 8+keyBytes*(len(recent)+len(p.named))), uint64(floor.UnixMicro()))
	for _, e := range recent {
		out = binary.BigEndian.AppendUint32(out, keyOf(e.ID))
	}
	for key := range p.named {
		out = binary.BigEndian.AppendUint32(out, key)
	}
	return base64.RawURLEncoding.EncodeToString(out)
}

// passedOf reads a mark. [authcore.InvalidRequest].
func passedOf(mark string) (*passed, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(mark)
	if err != nil || len(raw) < 8 || (len(raw)-8)%keyBytes != 0 || len(raw) > 8+2*markKeys*keyBytes || raw[0]&0x80 != 0 {
		return nil, errNoMark()
	}
	p := newPassed(time.UnixMicro(int64(binary.BigEndian.Uint64(raw))).UTC())
	for raw = raw[8:]; len(raw) > 0; raw = raw[keyBytes:] {
		p.named[binary.BigEndian.Uint32(raw)] = struct{}{}
	}
	return p, nil
}

func errNoMark() error {
	return authcore.Refuse(authcore.InvalidRequest, "Last-Event-ID is the id of no event of this stream. Connect without it, and list what happened before.")
}
