// Package lockouttest is the conformance suite of [authcore.Lockouts]. Only tests import it.
package lockouttest
