package liveconn

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
