// Package liveconn knows the requests that were admitted and are not answered yet, and ends those whose session does not live
// any more.
//
// A request is checked once, when it comes. A WebSocket, an event stream or a download goes on for hours after that; so each
// admitted request is kept here with what its token said. A revocation ends those that it concerns at once (see
// [Registry.Revoked]). Besides, all are compared with this node's snapshot of revocations once a second, and with the database
// every half minute.
//
// [Answer] is the writer of an admitted request's answer: it registers the request, finds out by the head of the answer whether
// that lasts, and ends it with the session.
package liveconn
