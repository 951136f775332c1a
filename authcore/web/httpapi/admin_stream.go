package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"time"

	"github.com/gatehouse-auth/gatehouse/authcore"
	"github.com/gatehouse-auth/gatehouse/authcore/account/admin"
	"github.com/gatehouse-auth/gatehouse/authcore/account/eventlog"
	"github.com/gatehouse-auth/gatehouse/authcore/edge/liveconn"
)

// Connections know which answers last, and end them with their session ([liveconn.Registry]).
type Connections interface {
	Add(*liveconn.Connection)
	Remove(*liveconn.Connection)
}

// streamCalls tell administrators of events as they happen.
type streamCalls struct {
	live        *eventlog.Live
	gate        *admin.Gate
	connections Connections
}

const (
	lookAgain   = 2 * time.Second  // how often a reader's session and roles are looked up
	heartbeat   = 15 * time.Second // how often a reader is told that the connection lives
	writeLimit  = 10 * time.Second // how long a reader may take for what it is told
	comeBack    = "retry: 2000\n\n"
	streamMedia = "text/event-stream"
)

func (c *streamCalls) routes() []route {
	text := reflect.TypeFor[string]()
	return []route{{
		method: http.MethodGet, path: "/admin/events/stream", tag: tagAdmin, summary: "Follow events as they happen",
		text: "For administrators and auditors: server-sent events of every node, each within about a second. `data` is an event as in the list, `id` is for `Last-Event-ID`: " +
			"who connects with it is told what came after, each event once; the id of a listed event will do too. It ends with the session and with the role. " +
			"A node takes 30 readers.",
		admin: authcore.Reads, event: authcore.EventAdminEventsStream,
		does: authenticated(c.stream),
		params: append(eventParams(),
			param{in: "header", name: "Last-Event-ID", text: "`id` of the last event that was told.", kind: text},
			param{in: "query", name: "last_event_id", text: "The same, for browsers, which send no header of their own at first.", kind: text}),
		replies: []reply{{http.StatusOK, "The events.", stream{}}},
		refuses: []authcore.Code{authcore.InvalidRequest, authcore.LimitReached},
	}}
}

// stream is the description of an answer that goes on.
type stream struct{}

func (stream) types() []string { return []string{streamMedia} }

func (c *streamCalls) stream(x *call) error {
	filter, err := x.eventFilter()
	if err != nil {
		return err
	}
	mark := x.r.Header.Get("Last-Event-ID")
	if mark == "" {
		mark = x.r.URL.Query().Get("last_event_id")
	}
	reader, err := c.live.Open(x.r.Context(), filter, mark)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := x.tell(); err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", streamMedia)
	x.w.WriteHeader(http.StatusOK)
	if x.r.Method == http.MethodHead {
		return nil
	}
	ctx, cancel := context.WithCancel(x.r.Context())
	defer cancel()
	holder := x.who.Holder()
	conn := &liveconn.Connection{Of: &holder, Ender: endBy(cancel)}
	c.connections.Add(conn)
	defer c.connections.Remove(conn)
	s := &streaming{call: x, reader: reader, out: http.NewResponseController(x.w)}
	s.run(ctx, func() error {
		return c.gate.Still(ctx, admin.Call{Access: authcore.Reads, Actor: x.who.AccountID, SessionID: x.who.SessionID})
	})
	return nil
}

// endBy ends a connection by cancelling what serves it.
type endBy context.CancelFunc

// End implements [liveconn.Ender].
func (end endBy) End(liveconn.Ending) { end() }

// streaming is one reader's answer.
type streaming struct {
	call   *call
	reader *eventlog.Reader
	out    *http.ResponseController
}

// run tells of events until the reader goes, its session ends (by the revocations at once, and by what the database says every few seconds), or
// the reader is over.
func (s *streaming) run(ctx context.Context, still func() error) {
	look, beat := time.NewTicker(lookAgain), time.NewTicker(heartbeat)
	defer look.Stop()
	defer beat.Stop()
	for err := s.write(comeBack); err == nil; {
		select {
		case <-ctx.Done():
			return
		case <-s.reader.Over():
			return
		case <-look.C:
			err = still()
		case <-beat.C:
			err = s.write(": still here\n\n")
		case <-s.reader.News():
			err = s.reader.Next(ctx, func(e eventlog.Told) error {
				if ctx.Err() != nil { // nothing more is told once the session has ended
					return ctx.Err()
				}
				body, err := json.Marshal(loggedEventOf(e.Entry))
				if err != nil { // unreachable, as in answer
					panic(err)
				}
				return s.write("id: " + e.Mark + "\ndata: " + string(body) + "\n\n")
			})
		}
	}
}

func (s *streaming) write(text string) error {
	if err := s.out.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.call.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.out.Flush()
}
