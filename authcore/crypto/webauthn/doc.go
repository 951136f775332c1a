// Package webauthn verifies passkeys and security keys (Web Authentication Level 3, https://www.w3.org/TR/webauthn-3/). It keeps nothing:
// challenges, credentials and their counters are the caller's. It is the one place that knows the library.
package webauthn
