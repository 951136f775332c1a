// Package notify sends mail: it seals messages for the outbox, and a worker renders what
// is due and hands it to a [Sender], each mail once.
//
// It owns the wording, the layout, the retries and the [Outbox] sender that writes files.
// It does not own the queue (a port of authcore) and does not decide who is told what:
// that is a rule of the capability that composes a message. It imports no other
// adapter. Only caddymodule, tests and modules that bring a [Sender] import it.
package notify
