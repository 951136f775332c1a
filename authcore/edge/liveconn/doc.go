// Package liveconn owns the connections that stay open after their request was admitted, and ends those whose session does
// not live any more.
//
// A request is checked once, when it comes. A WebSocket or an event stream goes on for hours after that; so each is kept
// here with what its token said, and looked at again twice a second against this node's view of revocations, and every
// half minute against the database.
//
// It does not know what a connection is made of or how one is closed: whoever opens one brings the function that ends it.
// Only caddymodule and tests import it.
package liveconn
