// Package lockouttest is the conformance suite of [attempt.Lockouts]. Only tests import it.
package lockouttest
