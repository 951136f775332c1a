// Package testidp is an OpenID provider that tests start on loopback. It does what OpenID Connect says, and lies or falls sick where a test
// tells it to.
package testidp
