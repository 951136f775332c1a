// Package guard is the way of a request through the handlers of Gatehouse that stand before a service: what it brings of ours is
// kept back, who makes it is found out and decided on, and the service is told. [Guard.Serve] reads from the first check to the
// answer. What the HTTP server knows of a request comes in by [Server], so that nothing here is made for one server.
//
// Who makes a request is httpauth's to find out, what a request must not hold is sanitize's, and the decision is access's.
package guard
