// Package sanitize is what is done to every request on a site with a guard before anything else sees it: identity headers that
// only the guard may set are removed, wishes for another protocol too, what two readers could take for two different requests
// is refused or named, and what is too large as well. It keeps nothing and decides nobody's identity.
package sanitize
