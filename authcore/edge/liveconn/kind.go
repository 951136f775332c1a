package liveconn

import (
	"net/http"
	"strings"
)

// Kind is what a connection that lasts is made of.
type Kind string

// The kinds.
const (
	WebSocket   Kind = "websocket"
	EventStream Kind = "event_stream"
	Upgrade     Kind = "upgrade" // to any other protocol
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{WebSocket, EventStream, Upgrade} }

// mayLast reports whether a request says itself that its connection may last, or that it may take long. Others may get an event
// stream or a download all the same; to be able to cancel each would cost more than everything else the guard does. Over HTTP/3
// each can be: there no deadline cancels a request (S13), and QUIC costs more than that.
func mayLast(r *http.Request) bool {
	if r.ProtoMajor == 3 || len(r.Header["Upgrade"]) > 0 || r.Method == http.MethodConnect {
		return true
	}
	if r.ContentLength < 0 || r.ContentLength > longBody || len(r.Header["Expect"]) > 0 { // gRPC among it
		return true
	}
	for _, accept := range r.Header["Accept"] {
		if strings.Contains(accept, eventStreamType) {
			return true
		}
	}
	return false
}

// longBody is how long a body is that may take long to arrive.
const longBody = 64 << 10

const eventStreamType = "text/event-stream"

// isEventStream reports whether a Content-Type is that of server-sent events.
func isEventStream(contentType []string) bool {
	return len(contentType) > 0 && len(contentType[0]) >= len(eventStreamType) &&
		strings.EqualFold(contentType[0][:len(eventStreamType)], eventStreamType)
}
