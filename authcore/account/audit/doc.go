// Package audit fills the lines of the security history (authcore.Event) from what is known of a request, so that each
// capability records the same things in the same way. It stores nothing: events travel in the Effects of the change they
// tell of. Capabilities may import it.
package audit
